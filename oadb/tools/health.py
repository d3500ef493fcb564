"""What an operator wants to know first: can we connect, to what, and what is wrong.

Each finding is one line. A finding that is not ok makes ``oadb doctor`` exit with 1. So does what
this role may not look at; the other findings follow all the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import KeyRingError, MigrationError, UnavailableError
from oadb.keys import proof
from oadb.tools import catalog, findings, log_findings
from oadb.tools.findings import Finding, Look
from oadb.tools.migrations import runner
from oadb.tools.migrations.states import MigrationStatus

OLDEST, NEWEST = 15, 18
"""Major versions of PostgreSQL that oadb is made for."""

# Extensions that oadb may use; every managed service offers them.
_EXTENSIONS = ["btree_gin", "pg_stat_statements", "pg_trgm"]

_LIMITS = ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"]

_ROLES = [
    "oadb_owner", "oadb_migrate", "oadb_app", "oadb_log", "oadb_rotate", "oadb_ro", "oadb_user",
]  # fmt: skip

_SEPARATE = "as a superuser: call oadb.create_roles(); call oadb.grant_privileges();"

MOST_SKEW = timedelta(seconds=2)
"""A clock further off makes tokens expire early and logs misleading."""


def examine(config: Config) -> Iterator[Finding]:
    """Yield the findings; only the first one if there is no connection."""
    try:
        with Database(config) as db:
            yield Finding(True, "connection", f"{config.dsn} answers")
            yield from findings.each(_looks(db, config))
    except UnavailableError as error:
        yield Finding(False, "connection", str(error))


def _looks(db: Database, config: Config) -> dict[str, Look]:
    return {
        "server": partial(_server, db),
        "clock": partial(_clock, db),
        "pool": partial(_pool, db, config),
        "limits": partial(_limits, db),
        "extensions": partial(_extensions, db),
        "roles": partial(_row_security, db),
        "keys": partial(_keys, db, config),
        **log_findings.looks(db),
        "migrations": partial(_migrations, config),
    }


def _server(db: Database) -> Iterator[Finding]:
    server = catalog.describe_server(db)
    yield _version(server)
    yield _role(server)


def _version(server: catalog.ServerInfo) -> Finding:
    major = server.version_number // 10000
    fit = OLDEST <= major <= NEWEST
    advice = "" if fit else f"; oadb is made for {OLDEST} to {NEWEST}"
    return Finding(fit, "server", f"PostgreSQL {server.version}{advice}")


def _role(server: catalog.ServerInfo) -> Finding:
    if server.is_standby:
        return Finding(False, "role", "a standby, which cannot write; connect to the primary")
    return Finding(True, "role", f"primary, as {server.role_name}")


def _clock(db: Database) -> Iterator[Finding]:
    """Compare clocks; the server's answer was made between our two looks at ours."""
    before = datetime.now(UTC)
    server = catalog.describe_server(db).clock
    after = datetime.now(UTC)
    skew = max(before - server, server - after, timedelta())
    close = skew <= MOST_SKEW
    advice = "" if close else "; synchronise both hosts with NTP"
    yield Finding(close, "clock", f"{skew.total_seconds():.3f} s from the server's{advice}")


def _pool(db: Database, config: Config) -> Iterator[Finding]:
    others = catalog.count_other_connections(db)
    most = catalog.describe_server(db).connection_limit
    enough = config.pool_max <= most - others
    text = f"at most {config.pool_max} connections of {most}, {others} are in use by others"
    advice = "" if enough else "; lower DB_POOL_SIZE or DB_MAX_OVERFLOW, or raise max_connections"
    yield Finding(enough, "pool", text + advice)


def _limits(db: Database) -> Iterator[Finding]:
    for limit in catalog.list_settings(db, _LIMITS):
        if limit.setting == "0":
            yield Finding(
                False, limit.name, "no limit; set it on the role: alter role ... set " + limit.name
            )
        else:
            yield Finding(True, limit.name, f"{int(limit.setting) / 1000:g} s")


def _extensions(db: Database) -> Iterator[Finding]:
    offered = catalog.list_extensions(db, _EXTENSIONS)
    missing = [name for name in _EXTENSIONS if name not in offered]
    lacking = f"{', '.join(missing)} not on the server; install its contrib"
    available = f"{', '.join(_EXTENSIONS)} are available"
    yield Finding(not missing, "extensions", lacking if missing else available)


def _row_security(db: Database) -> Iterator[Finding]:
    """Say who may see whose rows; nothing before the first migration, which has a finding."""
    standing = catalog.find_standing(db)
    tables = catalog.list_user_tables(db)
    if standing is not None:
        yield _roles(standing, catalog.list_roles(db, _ROLES))
        if tables:
            yield _policies(tables, standing)


def _roles(standing: catalog.Standing, roles: list[catalog.Role]) -> Finding:
    own, owner = standing.role_name, standing.owner_name
    if standing.is_exempt and not standing.can_act_as_user:
        return Finding(
            False,
            "roles",
            f"row-level security does not bind {own}, so that db.as_user is refused; "
            f"connect as a role without superuser and bypassrls, or {_SEPARATE}",
        )
    if not any(role.is_let_in and role.name != owner for role in roles):
        text = f"one for everything, {owner}; to separate, {_SEPARATE}"
        return Finding(True, "roles", text)
    missing = sorted({*_ROLES} - {role.name for role in roles})
    if missing:
        return Finding(False, "roles", f"without {', '.join(missing)}; {_SEPARATE}")
    return Finding(True, "roles", f"separate; {_place(standing)}")


def _place(standing: catalog.Standing) -> str:
    """Say what a connection may be used for where roles are separate."""
    own, owner = standing.role_name, standing.owner_name
    if standing.is_exempt:
        return f"{own} is bound by db.as_user alone: connect services as a member of oadb_app"
    if own == owner:
        return f"{own} owns the tables: connect services as a member of oadb_app"
    return f"{owner} owns the tables, {own} uses them"


def _policies(tables: list[catalog.UserTable], standing: catalog.Standing) -> Finding:
    subject = "row security"
    open_to_all = [table.name for table in tables if not table.is_forced]
    if open_to_all:
        names = ", ".join(open_to_all)
        return Finding(False, subject, f"not forced on {names}; see migration 0011")
    closed = [table.name for table in tables if not table.has_user_policy]
    if closed:
        return Finding(
            False, subject, f"{', '.join(closed)} without user_policy; see migration 0011"
        )
    hidden = [table.name for table in tables if not table.is_open_to_us]
    if hidden and not standing.is_exempt:
        return Finding(
            False,
            subject,
            f"without db.as_user, {standing.role_name} sees no row of {', '.join(hidden)}; "
            "connect as a member of oadb_app, or as the owner: call oadb.grant_privileges();",
        )
    return Finding(True, subject, f"forced on {', '.join(table.name for table in tables)}")


def _keys(db: Database, config: Config) -> Iterator[Finding]:
    canaries = proof.list_canaries(db)
    known = ", ".join(str(canary.key_id) for canary in canaries)
    if config.keyring is None:
        advice = f"the database is sealed with key {known}: set OADB_KEYRING_FILE"
        yield Finding(not canaries, "keys", advice if canaries else "none, and none is needed yet")
        return
    primary = config.keyring.primary.key_id
    if not canaries:
        yield Finding(True, "keys", f"none in use; the first secret enrolls key {primary}")
        return
    try:
        proof.require_fit(config.keyring, canaries)
    except KeyRingError as error:
        yield Finding(False, "keys", str(error))
    else:
        yield Finding(True, "keys", f"{known} in use, all in the ring; {primary} seals")


def _migrations(config: Config) -> Iterator[Finding]:
    try:
        statuses = runner.status(config.dsn)
    except MigrationError as error:
        yield Finding(False, "migrations", " ".join(str(error).split()))
    else:
        yield _compared(statuses)


def _compared(statuses: list[MigrationStatus]) -> Finding:
    pending = [status.migration_id for status in statuses if status.state == "pending"]
    wrong = [status.migration_id for status in statuses if status.state not in _IN_ORDER]
    if wrong:
        return Finding(False, "migrations", f"{', '.join(wrong)}: see oadb migrate status")
    if pending:
        return Finding(False, "migrations", f"{', '.join(pending)} pending; run oadb migrate")
    return Finding(True, "migrations", f"all {len(statuses)} are applied")


_IN_ORDER = frozenset({"applied", "unrecorded", "pending"})
