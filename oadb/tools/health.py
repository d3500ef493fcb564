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
from oadb.engine.readiness import ReadyFinding
from oadb.errors import ConfigError, MigrationError, UnavailableError
from oadb.keys import proof
from oadb.tools import (
    audit_findings,
    catalog,
    collation_check,
    findings,
    instrument_findings,
    limit_findings,
    lock_holders,
    log_findings,
    replica_findings,
    row_security,
    service_checks,
    session_forms,
    transport_check,
    upkeep_findings,
)
from oadb.tools.activity import drift_findings, on_call
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Check, Finding
from oadb.tools.intended import schema_findings
from oadb.tools.migrations import package_order, runner

OLDEST, NEWEST = 15, 18
"""Major versions of PostgreSQL that oadb supports."""

# Extensions that oadb may use; managed services offer all of them.
_EXTENSIONS = ["btree_gin", "pg_stat_statements", "pg_trgm"]


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
        "replicas": partial(replica_findings.check, db),
        "limits": partial(limit_findings.check, config),
        "search path": partial(_check_path, db),
        "texts of values": partial(session_forms.check, db, config),
        **upkeep_findings.checks(db, schemas, USUAL),
        **on_call.checks(db, schemas, USUAL),
        **drift_findings.checks(db, config, packages),
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
        roles = catalog.list_roles(db, [*catalog.SERVICE_ROLES])
        yield _told(service_checks.roles_finding(standing, roles))


def _check_row_security(db: Database) -> Iterator[Finding]:
    standing = catalog.find_standing(db)
    if standing is not None:
        yield _row_security_finding(row_security.list_walls(db), standing)


def _row_security_finding(tables: list[row_security.Wall], standing: catalog.Standing) -> Finding:
    subject = "row security"
    faults = [fault for table in tables for fault in row_security.faults(table)]
    if faults:
        return Finding(False, subject, " ".join(faults))
    for hidden in service_checks.visible_finding(standing, tables):
        return _told(hidden)
    return Finding(True, subject, f"forced on all {len(tables)} tables")


def _check_keys(db: Database, config: Config) -> Iterator[Finding]:
    canaries = proof.list_canaries(db)
    yield _told(service_checks.keys_finding(config.keyring, canaries))


def _check_migrations(config: Config, packages: Sequence[Package]) -> Iterator[Finding]:
    try:
        statuses = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    except (MigrationError, ConfigError) as error:
        yield Finding(False, "migrations", " ".join(str(error).split()))
    else:
        yield _told(service_checks.migrations_finding(statuses))


def _told(found: ReadyFinding) -> Finding:
    """Return a finding of ``db.ready()`` as one of the doctor."""
    advice = f"; {found.advice}" if found.advice else ""
    return Finding(found.ok, found.subject, found.text + advice)
