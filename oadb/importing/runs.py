"""A run: everything of an installation, in an order in which each has what it belongs to.

Without *applies*, users and what is theirs are brought over in a transaction that is undone, and of
the rest is said what it would be: nothing is changed.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

import psycopg

from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.engine.failures import is_data_error
from oadb.errors import ParameterError, RowError
from oadb.importing import histories, master_contract
from oadb.importing.ciphers import Ciphers
from oadb.importing.converting import Converters
from oadb.importing.reports import TableReport
from oadb.importing.resuming import Resumption, resume
from oadb.importing.settings_import import Settings, bring_ban
from oadb.importing.sources import Row, Sources
from oadb.importing.strategies_import import Strategies
from oadb.importing.streams import Streams, Watch
from oadb.importing.users_import import Users, prove_pepper
from oadb.keys import proof

Bring = Callable[[Executor, Row, TableReport], bool]
"""Brings one row over; False if it is here. Raises RowError with the reason why it cannot be."""

_COLUMNS = {
    "users": (
        "id", "username", "email", "password_hash", "totp_secret", "is_admin", "totp_enabled",
        "totp_required_for_login", "totp_required_for_mcp", "totp_required_for_password_reset",
    ),
    "api_keys": (
        "id", "user_id", "api_key_hash", "api_key_encrypted", "created_at", "order_mode",
    ),
    "settings": (
        "id", "analyze_mode", "smtp_server", "smtp_port", "smtp_username",
        "smtp_password_encrypted", "smtp_use_tls", "smtp_from_email", "smtp_helo_hostname",
        "security_auto_ban_enabled", "security_404_threshold", "security_404_ban_duration",
        "security_api_threshold", "security_api_ban_duration", "security_repeat_offender_limit",
    ),
    "strategies": (
        "id", "name", "webhook_id", "user_id", "platform", "is_active", "is_intraday",
        "trading_mode", "start_time", "end_time", "squareoff_time", "created_at", "updated_at",
    ),
    "chartink_strategies": (
        "id", "name", "webhook_id", "user_id", "is_active", "is_intraday", "start_time",
        "end_time", "squareoff_time", "created_at", "updated_at",
    ),
    "ip_bans": (
        "id", "ip_address", "ban_reason", "ban_count", "banned_at", "expires_at", "is_permanent",
        "created_by",
    ),
    "auth": (
        "id", "name", "auth", "feed_token", "broker", "user_id", "is_revoked", "secret_api_key",
        "primary_ip", "secondary_ip", "ip_updated_at", "aux_param1", "aux_param2", "aux_param3",
        "aux_param4",
    ),
}  # fmt: skip


# What a row is not brought over without.
_PARTS = {
    "strategies": "strategy_symbol_mappings", "chartink_strategies": "chartink_symbol_mappings",
}  # fmt: skip

# What there are secrets in, or belongs to who has some.
_SECRET = _COLUMNS.keys() - {"ip_bans"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``installation`` names where the rows come from, 1 to 100 characters.

    ``broker`` is whose master contract it is; None: it is left out.
    """

    installation: str
    broker: str | None
    applies: bool


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


def run(
    db: Database, sources: Sources, environ: Mapping[str, str], plan: Plan, watch: Watch
) -> Iterator[TableReport]:
    """Do as *plan* says, and yield what became of each table; may be run again after any end.

    *environ* has OpenAlgo's pepper and salts. *watch* hears how many rows of a history were looked
    at since. Two connections are in use at once. Long histories are converted by processes that are
    spawned: a script that calls this does so under ``if __name__ == "__main__"``.

    Raises, before anything is written, LoadError as ``resume``, and ConfigError where the pepper is
    missing or not the right one; later LoadError as ``Streams.bring``, and where a source cannot be
    read on: what was stored until then stays.
    """
    starts = _starts(db, sources, plan.installation)
    for table, reason in _unfit(sources).items():
        yield TableReport(table, remarks=[reason])
    owner: int | None = None
    user_of: Callable[[object], int | None] = _nobody
    if any(table in sources for table in _SECRET):
        ciphers = Ciphers.from_env(environ)
        users = Users(plan.installation, ciphers, prove_pepper(sources, ciphers))
        if plan.applies:
            proof.prove(db)
        yield from _undone_or_not(db, sources, _of(users, sources), plan)
        owner, user_of = users.only_user, users.find
    yield from _undone_or_not(db, sources, {"ip_bans": bring_ban}, plan)
    # Most of a contract's time is the server's.
    with ThreadPoolExecutor(1) as beside, closing(Converters(owner)) as converters:
        contract = beside.submit(
            master_contract.bring, db, sources, plan.broker, applies=plan.applies
        )
        streams = Streams(db, sources, converters, plan.installation, watch, plan.applies)
        if histories.ATTEMPTS in sources:
            yield streams.bring(histories.attempts(user_of), starts[histories.ATTEMPTS])
        for log in histories.logs(owner):
            if log.table in sources:
                yield streams.bring(log, starts[log.table])
        if master_contract.TABLE in sources:
            yield contract.result()


def _nobody(_name: object) -> int | None:
    """Return whose a name is where no users are brought over."""
    return None


def _starts(db: Database, sources: Sources, installation: str) -> Mapping[str, Resumption]:
    """Return where each history goes on. Raises LoadError as ``resume``."""
    attempts, logs = histories.attempts(_nobody), histories.logs(None)
    return {
        attempts.table: resume(db, sources, installation, attempts),
        **{log.table: resume(db, sources, installation, log) for log in logs},
    }


def _unfit(sources: Sources) -> dict[str, str]:
    """Return which tables are left out, and why."""
    unfit = {
        table: f"it is left out: in {home}, its primary key is not an id, a whole number"
        for table, home in sources.unfit.items()
    }
    return unfit | {
        table: f"it is left out, as {part} is, without which it would be incomplete"
        for table, part in _PARTS.items()
        if part in unfit and table in sources
    }


def _of(users: Users, sources: Sources) -> Mapping[str, Bring]:
    """Return what is brought over row by row, in an order in which each finds its user."""
    return {
        "users": users.bring_user,
        "api_keys": users.bring_api_key,
        "auth": users.bring_broker_token,
        "strategies": Strategies("strategies", sources, users).bring,
        "chartink_strategies": Strategies("chartink_strategies", sources, users).bring,
        "settings": Settings(users.installation, sources, users.ciphers).bring,
    }


def _undone_or_not(
    db: Database, sources: Sources, steps: Mapping[str, Bring], plan: Plan
) -> list[TableReport]:
    unfit = _unfit(sources)
    present = {t: bring for t, bring in steps.items() if t in sources and t not in unfit}
    if plan.applies:
        return [_each(db, sources, table, bring) for table, bring in present.items()]
    reports: list[TableReport] = []
    with suppress(_UndoneError), db.transaction() as tx:
        reports = [_each(tx, sources, table, bring) for table, bring in present.items()]
        raise _UndoneError
    return reports


def _each(db: Executor, sources: Sources, table: str, bring: Bring) -> TableReport:
    """Bring over the rows of a small table, each in a transaction of its own."""
    report = TableReport(table)
    for row in sources.rows(table):
        if not report.found:
            report.compare(row, _COLUMNS[table])
        report.found += 1
        try:
            with db.transaction() as tx:
                is_new = bring(tx, row, report)
        except (RowError, ParameterError) as fault:
            report.leave_out(row.get("id"), str(fault))
        except psycopg.Error as error:
            if not is_data_error(error):
                raise
            refusing = error.diag.constraint_name or "the table here"
            report.leave_out(row.get("id"), f"{refusing} refuses it")
        else:
            report.count(is_new=is_new)
    return report
