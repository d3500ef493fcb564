"""The checks of ``oadb doctor``: connection, server, roles, keys, logs, instruments, migrations.

Each finding is one line. A finding that is not ok makes ``oadb doctor`` exit with 3. A check that
this role may not run is such a finding, and the other checks still run.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ConfigError, KeyRingError, MigrationError, UnavailableError
from oadb.keys import proof
from oadb.tools import (
    audit_findings,
    catalog,
    collation_check,
    findings,
    instrument_findings,
    lock_holders,
    log_findings,
    row_security,
    session_forms,
    transport_check,
    upkeep_findings,
)
from oadb.tools.activity import on_call
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Check, Finding
from oadb.tools.intended import schema_findings
from oadb.tools.migrations import package_order, runner
from oadb.tools.migrations.states import MigrationStatus

OLDEST, NEWEST = 15, 18
"""Major versions of PostgreSQL that oadb supports."""

# Extensions that oadb may use; managed services offer all of them.
_EXTENSIONS = ["btree_gin", "pg_stat_statements", "pg_trgm"]

_LIMITS = ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"]

_CREATE_ROLES = (
    "as a role that may make roles: call oadb.create_roles(); call oadb.grant_privileges();"
)


def examine(config: Config, packages: Sequence[Package]) -> Iterator[Finding]:
    """Run every check; without a connection there is only the finding about it.

    Args:
        packages: whose migrations are checked. The tables of oadb are left out if it is none of
            them, and none of them depends on it.
    """
    try:
        with Database(lock_holders.patient(config)) as db:
            yield Finding(True, "connection", f"{config.dsn} answers")
            checks = _checks(db, config, packages)
            yield from findings.run_checks(checks, partial(lock_holders.explain, db))
    except UnavailableError as error:
        yield Finding(False, "connection", str(error))


def _checks(db: Database, config: Config, packages: Sequence[Package]) -> dict[str, Check]:
    of_oadb: dict[str, Check] = {
        "extensions": partial(_check_extensions, db),
        "roles": partial(_check_roles, db),
        "row security": partial(_check_row_security, db),
        "keys": partial(_check_keys, db, config),
        **audit_findings.checks(db),
        **log_findings.checks(db),
        **instrument_findings.checks(db),
    }
    schemas = schema_findings.names(packages)
    return {
        "server": partial(_check_server, db),
        "transport": partial(transport_check.check, db, config),
        "clock": partial(_check_clock, db),
        "pool": partial(_check_pool, db, config),
        "limits": partial(_check_limits, config),
        "search path": partial(_check_path, db),
        "texts of values": partial(session_forms.check, db, config),
        **upkeep_findings.checks(db, schemas, USUAL),
        **on_call.checks(db, schemas, USUAL),
        "collations": partial(collation_check.check, db),
        **(of_oadb if package_order.includes_oadb(packages) else {}),
        "migrations": partial(_check_migrations, config, packages),
        "schema": partial(schema_findings.check, config, packages),
    }


def _check_server(db: Database) -> Iterator[Finding]:
    server = catalog.describe_server(db)
    yield _version_finding(server)
    yield _primary_finding(server)


def _version_finding(server: catalog.ServerInfo) -> Finding:
    major = server.version_number // 10000
    supported = OLDEST <= major <= NEWEST
    advice = "" if supported else f"; oadb supports {OLDEST} to {NEWEST}"
    return Finding(supported, "server", f"PostgreSQL {server.version}{advice}")


def _primary_finding(server: catalog.ServerInfo) -> Finding:
    if server.is_standby:
        return Finding(False, "role", "a standby, which cannot write; connect to the primary")
    return Finding(True, "role", f"primary, connected as {server.role_name}")


def _check_clock(db: Database) -> Iterator[Finding]:
    """Compare the server's clock with this host's, read just before and just after it."""
    before = datetime.now(UTC)
    server = catalog.describe_server(db).clock
    after = datetime.now(UTC)
    skew = max(before - server, server - after, timedelta())
    fits = skew <= USUAL.clock_skew
    advice = "" if fits else "; synchronise both hosts with NTP"
    yield Finding(fits, "clock", f"{skew.total_seconds():.3f} s from the server's{advice}")


def _check_pool(db: Database, config: Config) -> Iterator[Finding]:
    others = catalog.count_other_connections(db)
    most = catalog.describe_server(db).connection_limit
    fits = config.pool_max <= most - others
    text = f"needs up to {config.pool_max} of the server's {most} connections; others use {others}"
    advice = "" if fits else "; lower DB_POOL_SIZE or DB_MAX_OVERFLOW, or raise max_connections"
    yield Finding(fits, "pool", text + advice)


def _check_limits(config: Config) -> Iterator[Finding]:
    """Check the limits of a service; those of a check are lower."""
    with Database(config) as db:
        limits = catalog.list_settings(db, _LIMITS)
    for limit in limits:
        if limit.setting == "0":
            yield Finding(
                False, limit.name, "no limit; set it on the role: alter role ... set " + limit.name
            )
        else:
            yield Finding(True, limit.name, f"{int(limit.setting) / 1000:g} s")


def _check_path(db: Database) -> Iterator[Finding]:
    """Check that nobody else decides what unqualified names mean in sessions of services."""
    subject, schemas = "search path", catalog.list_path_schemas(db)
    names = ", ".join(schema.name for schema in schemas)
    open_ones = [
        f"{' and '.join(schema.creators)} may create in {schema.name}"
        for schema in schemas
        if schema.creators
    ]
    if not schemas:
        yield Finding(True, subject, "empty")
    elif not open_ones:
        yield Finding(True, subject, f"{names}, in which its owner alone creates")
    else:
        yield Finding(
            False,
            subject,
            f"{'; '.join(open_ones)}, and so have these sessions run functions and operators: "
            "set search_path of the role to '', or revoke create on the schema",
        )


def _check_extensions(db: Database) -> Iterator[Finding]:
    offered = catalog.list_extensions(db, _EXTENSIONS)
    missing = [name for name in _EXTENSIONS if name not in offered]
    advice = f"{', '.join(missing)} missing on the server; install PostgreSQL's contrib package"
    available = f"{', '.join(_EXTENSIONS)} are available"
    yield Finding(not missing, "extensions", advice if missing else available)


def _check_roles(db: Database) -> Iterator[Finding]:
    """Check the roles; there are none before the first migration."""
    standing = catalog.find_standing(db)
    if standing is not None:
        yield _roles_finding(standing, catalog.list_roles(db, [*catalog.SERVICE_ROLES]))


def _roles_finding(standing: catalog.Standing, roles: list[catalog.Role]) -> Finding:
    own, owner = standing.role_name, standing.owner_name
    if standing.is_exempt and not standing.can_act_as_user:
        return Finding(
            False,
            "roles",
            f"row-level security does not bind {own}, so db.as_user is refused; "
            f"connect as a role without superuser and bypassrls, or {_CREATE_ROLES}",
        )
    if own == owner and not standing.can_act_as_user:
        if any(role.name == "oadb_user" and role.is_let_in for role in roles):
            advice = f"db.as_user is refused to {own}: grant oadb_user to {own};"
            return Finding(False, "roles", advice)
        return Finding(True, "roles", f"one for everything: row-level security alone binds {own}")
    missing = sorted({*catalog.SERVICE_ROLES} - {role.name for role in roles})
    if missing:
        return Finding(False, "roles", f"{', '.join(missing)} missing; {_CREATE_ROLES}")
    return Finding(True, "roles", f"separate; {_role_advice(standing)}")


def _role_advice(standing: catalog.Standing) -> str:
    """Return what this connection's role is for, if roles are separate."""
    own, owner = standing.role_name, standing.owner_name
    if standing.is_exempt:
        return f"only db.as_user binds {own}: connect services as a member of oadb_app"
    if own == owner:
        return f"{own} owns the tables: connect services as a member of oadb_app"
    return f"{owner} owns the tables, {own} uses them"


def _check_row_security(db: Database) -> Iterator[Finding]:
    standing = catalog.find_standing(db)
    if standing is not None:
        yield _row_security_finding(row_security.list_walls(db), standing)


def _row_security_finding(tables: list[row_security.Wall], standing: catalog.Standing) -> Finding:
    subject = "row security"
    faults = [fault for table in tables for fault in row_security.faults(table)]
    if faults:
        return Finding(False, subject, " ".join(faults))
    hidden = [table.name for table in tables if not table.is_open_to_us]
    if hidden and not standing.is_exempt:
        return Finding(
            False,
            subject,
            f"without db.as_user, {standing.role_name} sees no row of {len(hidden)} tables, "
            f"such as {hidden[0]}; "
            "connect as a member of oadb_app, or as the owner: call oadb.grant_privileges();",
        )
    return Finding(True, subject, f"forced on all {len(tables)} tables")


def _check_keys(db: Database, config: Config) -> Iterator[Finding]:
    canaries = proof.list_canaries(db)
    enrolled = ", ".join(str(canary.key_id) for canary in canaries)
    if config.keyring is None:
        advice = f"no key ring, but secrets are sealed under key {enrolled}: set OADB_KEYRING_FILE"
        yield Finding(not canaries, "keys", advice if canaries else "no key ring; none needed yet")
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
        yield Finding(True, "keys", f"{enrolled} in use, all in the ring; {primary} is primary")


def _check_migrations(config: Config, packages: Sequence[Package]) -> Iterator[Finding]:
    try:
        statuses = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    except (MigrationError, ConfigError) as error:
        yield Finding(False, "migrations", " ".join(str(error).split()))
    else:
        yield _migrations_finding(statuses)


def _migrations_finding(statuses: list[MigrationStatus]) -> Finding:
    pending = [status.migration_id for status in statuses if status.state == "pending"]
    wrong = [
        f"{status.migration_id} {status.state}"
        for status in statuses
        if status.state not in {"applied", "unrecorded", "pending"}
    ]
    if wrong:
        advice = "oadb migrate runs nothing and says what to do"
        return Finding(False, "migrations", f"{', '.join(wrong)}; {advice}")
    if pending:
        return Finding(False, "migrations", f"{', '.join(pending)} pending; run oadb migrate")
    return Finding(True, "migrations", f"all {len(statuses)} are applied")
