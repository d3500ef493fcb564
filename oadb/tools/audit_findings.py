"""Checks of security events: they are written, by nobody but their triggers, and are linked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import get_args

from oadb.accounts.security_events import SecurityEventKind
from oadb.engine.binding.queries import queries
from oadb.engine.executors import Executor
from oadb.tools.findings import Check, Finding

query = queries(__name__)

# Columns for them do not exist yet.
_UNWRITTEN = {"user_disabled", "user_enabled"}
_GUARDS = 4
_SUBJECT = "security events"


@dataclass(frozen=True, slots=True)
class AuditWriter:
    """What a role may do with a table of the audit besides reading it."""

    table_name: str
    role_name: str
    privileges: str


@query
def _list_recorded_kinds() -> list[str]: ...


@query
def _count_guards() -> int: ...


@query
def _list_writers() -> list[AuditWriter]: ...


@query
def _find_lag() -> datetime | None: ...


query.complete()


def checks(db: Executor) -> dict[str, Check]:
    """Return the checks of security events by subject."""
    return {_SUBJECT: partial(_check, db)}


def _check(db: Executor) -> Iterator[Finding]:
    faults = [*_faults(db)]
    for fault in faults:
        yield Finding(False, _SUBJECT, fault)
    if not faults:
        yield Finding(True, _SUBJECT, "written by triggers alone, and linked")


def _faults(db: Executor) -> Iterator[str]:
    missing = {*get_args(SecurityEventKind)} - {*_list_recorded_kinds(db)} - _UNWRITTEN
    if missing:
        yield (
            f"no trigger writes {', '.join(sorted(missing))}: enable those of "
            "oadb.record_security_event() again"
        )
    if _count_guards(db) < _GUARDS:
        yield "rows can be changed: enable the triggers of oadb.keep_security_events() again"
    for writer in _list_writers(db):
        yield (
            f"{writer.role_name} may {writer.privileges} on oadb.{writer.table_name}: "
            "call oadb.grant_privileges(), or revoke it"
        )
    waiting = _find_lag(db)
    if waiting is not None:
        yield f"not linked since {waiting:%Y-%m-%d %H:%M %Z}; run oadb maintain"
