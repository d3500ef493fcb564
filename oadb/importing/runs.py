"""Runs an import: users first, then everything that belongs to them.

A dry run imports users and what belongs to them in a transaction that it rolls back, and only reads
and converts the rest: it changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field

from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.importing import decided_orders, histories, ledger, master_contract
from oadb.importing.attempts import ATTEMPTS, attempts
from oadb.importing.bans_import import Bans
from oadb.importing.ciphers import Ciphers
from oadb.importing.converting import Converters
from oadb.importing.keys_import import ApiKeys, BrokerLogins
from oadb.importing.merging import Choices, Merge, Subject
from oadb.importing.owners_import import Owners, prove_pepper
from oadb.importing.reports import TableReport
from oadb.importing.resuming import Resumption, resume
from oadb.importing.settings_import import Settings
from oadb.importing.sources import Sources
from oadb.importing.strategies_import import Strategies
from oadb.importing.streams import Streams, Watch
from oadb.importing.users_import import Users
from oadb.keys import proof
from oadb.security.keyring import KeyRing

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
}  # fmt: skip  # a table
"""The known columns of tables that are imported row by row."""

# Tables that are not imported without another one.
_PARTS = {
    "strategies": "strategy_symbol_mappings",
    "chartink_strategies": "chartink_symbol_mappings",
}

# Tables with secrets, or whose rows belong to users, who have secrets.
_SECRET = _COLUMNS.keys() - {"ip_bans"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import. ``installation`` names the source of the rows, in 1 to 100 characters.

    ``broker`` is the broker of the master contract; None leaves that out. Without ``applies`` it
    is a dry run. ``renames`` has the names in oadb of users whose names do not fit;
    ``kept_fields`` names fields of bodies that are kept as well. To verify
    is a dry run that compares the instruments, too.
    """

    installation: str
    broker: str | None
    applies: bool
    choices: Choices = field(default_factory=Choices)
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    kept_fields: tuple[str, ...] = ()
    verifies: bool = False


class _UndoneError(Exception):
    """Rolls the transaction of a dry run back."""


def run(
    db: Database, sources: Sources, environ: Mapping[str, str], plan: Plan, watch: Watch
) -> Iterator[TableReport]:
    """Run an import. It may be interrupted, and run again, at any time.

    It uses two connections at once. Long histories are converted by spawned processes: a script
    must call this under ``if __name__ == "__main__"``.

    Args:
        environ: has OpenAlgo's pepper and salts.
        watch: called with the number of rows of histories read since the last call.

    Yields:
        The report of each table, once it is imported.

    Raises:
        ConfigError: the pepper is missing or wrong; nothing was written.
        LoadError: a history cannot be resumed (see ``resume``), and nothing was written; or a
            source cannot be read any further, another run is importing, or a converting process
            was killed: rows stored until then stay.
    """
    starts = _resumptions(db, sources, plan.installation)
    for table, reason in _unfit(sources).items():
        yield TableReport(table, remarks=[reason], is_complete=False)
    owner: int | None = None
    user_of: Callable[[object], int | None] = _no_user
    if any(table in sources for table in _SECRET):
        ciphers = Ciphers.from_env(environ)
        owners = Owners(plan.installation, ciphers, prove_pepper(sources, ciphers), plan.renames)
        if plan.applies:
            proof.prove(db)
        yield from _import_tables(db, sources, _subjects(owners, sources), plan)
        owner, user_of = owners.only_user, owners.find
    yield from _import_tables(db, sources, {"ip_bans": Bans()}, plan)
    if decided_orders.TABLE in sources:
        yield decided_orders.report(sources)
    # In a thread: most of the time of a master contract is spent in the server.
    with (
        ThreadPoolExecutor(1) as thread,
        closing(Converters(owner, plan.kept_fields)) as converters,
    ):
        contract = thread.submit(_contract, db, sources, plan)
        streams = Streams(
            db, sources, converters, plan.installation, watch, plan.applies, plan.verifies
        )
        if ATTEMPTS in sources:
            yield streams.copy(attempts(user_of), starts[ATTEMPTS])
        for log in histories.logs(owner, plan.kept_fields):
            if log.table in sources:
                yield streams.copy(log, starts[log.table])
        if master_contract.TABLE in sources:
            yield contract.result()


def _contract(db: Database, sources: Sources, plan: Plan) -> TableReport:
    """Load the master contract, or verify it."""
    if plan.verifies and plan.broker is not None:
        return master_contract.verify(db, sources, plan.broker)
    return master_contract.load(db, sources, plan.broker, applies=plan.applies)


def _no_user(_name: object) -> int | None:
    """Find the user of a name if no users are imported."""
    return None


def _resumptions(db: Database, sources: Sources, installation: str) -> Mapping[str, Resumption]:
    """Find where each history continues."""
    sign_ins, logs = attempts(_no_user), histories.logs(None)
    return {
        sign_ins.table: resume(db, sources, installation, sign_ins),
        **{log.table: resume(db, sources, installation, log) for log in logs},
    }


def _unfit(sources: Sources) -> dict[str, str]:
    """Return the tables that are left out, and why."""
    unfit = {
        table: f"it is left out: in {home}, its primary key is not a whole number named id"
        for table, home in sources.unfit.items()
    }
    return unfit | {
        table: f"it is left out, because {part} is, without which it would be incomplete"
        for table, part in _PARTS.items()
        if part in unfit and table in sources
    }


def _subjects(owners: Owners, sources: Sources) -> Mapping[str, Subject]:
    """Return the tables that are imported row by row: users before what belongs to them."""
    return {
        "settings": Settings(owners.installation, sources, owners.ciphers),
        "users": Users(owners),
        "api_keys": ApiKeys(owners),
        "auth": BrokerLogins(owners),
        "strategies": Strategies("strategies", sources, owners),
        "chartink_strategies": Strategies("chartink_strategies", sources, owners),
    }


def _import_tables(
    db: Database, sources: Sources, subjects: Mapping[str, Subject], plan: Plan
) -> list[TableReport]:
    """Import tables row by row; a dry run is rolled back."""
    unfit = _unfit(sources)
    present = {
        table: subject
        for table, subject in subjects.items()
        if table in sources and table not in unfit
    }
    # Bans hold no secret: a file of logs is imported without a key ring.
    ring = ledger.ring_of(db) if present.keys() & _SECRET else None
    if plan.applies:
        return [_import_table(db, sources, *each, plan, ring) for each in present.items()]
    reports: list[TableReport] = []
    with suppress(_UndoneError), db.transaction() as tx:
        reports = [_import_table(tx, sources, *each, plan, ring) for each in present.items()]
        raise _UndoneError
    return reports


def _import_table(
    db: Executor, sources: Sources, table: str, subject: Subject, plan: Plan, ring: KeyRing | None
) -> TableReport:
    """Import the rows of a small table, each in a transaction of its own."""
    report = TableReport(table)
    entries = {each.row_id: each for each in ledger.list_entries(db, plan.installation, table)}
    merge = Merge(plan.installation, table, subject, ring, plan.choices, entries)
    for row in sources.rows(table):
        if not report.found:
            report.compare(row, _COLUMNS[table])
        report.found += 1
        merge.row(db, row, report)
    merge.report_gone(report)
    if isinstance(subject, Strategies):
        subject.remark(report, merge.seen)
    return report
