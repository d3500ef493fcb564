"""Checks of what no schema shows: settings, sequences, statistics, forgotten transactions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.findings import Check, Finding

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class HarmfulSetting:
    """A setting that breaks a service, its value, and the statement that takes it back."""

    name: str
    value: str
    mending: str


@dataclass(frozen=True, slots=True)
class UsedSequence:
    """The share of its numbers that a sequence has used, 0 to 1; None: it may not be read."""

    name: str
    used: float | None


@dataclass(frozen=True, slots=True)
class OldTransaction:
    """A transaction in which nobody works, and the statement that ends it."""

    holder: str
    begun_at: datetime
    mending: str


@query
def _list_harmful_settings(schemas: list[str]) -> list[HarmfulSetting]: ...


@query
def _list_sequences(schemas: list[str]) -> list[UsedSequence]: ...


@query
def _list_unanalyzed(schemas: list[str]) -> list[str]: ...


@query
def _list_old_transactions(older_than: timedelta) -> list[OldTransaction]: ...


query.complete()


def checks(db: Runner, schemas: list[str], limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject; *schemas* are those whose sequences and tables are meant."""
    return {
        "settings": partial(check_settings, db, schemas),
        "sequences": partial(check_sequences, db, schemas, limits),
        "statistics": partial(check_statistics, db, schemas),
        "idle transactions": partial(check_transactions, db, limits),
    }


def check_settings(db: Runner, schemas: list[str]) -> Iterator[Finding]:
    """Check that neither server, database nor role refuses writes or takes plans away."""
    found = _list_harmful_settings(db, schemas)
    for each in found:
        yield Finding(False, "settings", f"{each.name} is {each.value}; {each.mending}")
    if not found:
        yield Finding(True, "settings", "writes, triggers, vacuum and all plans are allowed")


def check_sequences(db: Runner, schemas: list[str], limits: AlertLimits) -> Iterator[Finding]:
    """Check that no sequence will soon have given its last number."""
    found = _list_sequences(db, schemas)
    known = [(each.name, each.used) for each in found if each.used is not None]
    for name, used in known:
        if used >= limits.sequence:
            text = f"{name} has used {used:.0%} of its numbers, and inserts fail after the last"
            yield Finding(False, "sequences", f"{text}: make its column bigint, or restart it")
    if all(used < limits.sequence for _, used in known):
        text = f"none of {len(known)} is near its end"
        hidden = len(found) - len(known)
        yield Finding(True, "sequences", f"{text}; {hidden} may not be read" if hidden else text)


def check_statistics(db: Runner, schemas: list[str]) -> Iterator[Finding]:
    """Check that the planner knows the tables that have rows."""
    found = _list_unanalyzed(db, schemas)
    for name in found:
        text = f"{name} has rows and was never analyzed, so that its plans are guesses"
        yield Finding(False, "statistics", f"{text}; analyze {name}")
    if not found:
        yield Finding(True, "statistics", "every table with rows was analyzed")


def check_transactions(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that nobody has left a transaction open."""
    found = _list_old_transactions(db, limits.idle_transaction)
    for each in found:
        text = f"{each.holder} is idle in a transaction since {each.begun_at:%Y-%m-%d %H:%M %Z}"
        text += ", and VACUUM removes nothing that was deleted since"
        yield Finding(False, "idle transactions", f"{text}; {each.mending}")
    if not found:
        minutes = limits.idle_transaction / timedelta(minutes=1)
        yield Finding(True, "idle transactions", f"none of more than {minutes:g} minutes")
