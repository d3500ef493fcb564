"""What a service of oadb needs of its database: migrations, keys, and a role that fits.

Both ``oadb doctor`` and ``db.ready()`` say it, the latter by the entry point ``oadb.readiness``.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.executors import AsyncExecutor
from oadb.engine.readiness import ReadyCheck, ReadyFinding
from oadb.errors import ConfigError, KeyRingError, MigrationError
from oadb.keys import proof
from oadb.keys.proof import Canary
from oadb.security.keyring import KeyRing
from oadb.tools import catalog, package_list, row_security
from oadb.tools.catalog import Role, Standing
from oadb.tools.migrations import runner
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.states import MigrationStatus
from oadb.tools.row_security import Wall

_CREATE_ROLES = (
    "as a role that may make roles: call oadb.create_roles(); call oadb.grant_privileges();"
)

MIGRATE = "run oadb migrate"


async def _check_migrations(db: AsyncExecutor, config: Config) -> list[ReadyFinding]:
    return [await db.offload(_read_migrations, config)]


def _read_migrations(config: Config) -> ReadyFinding:
    """Compare the migrations of the chosen packages with what is recorded as applied.

    Raises:
        UnavailableError: no connection to the server.
    """
    try:
        scope = _scope(*package_list.chosen())
        statuses = runner.status_of(scope, config.dsn, pooler=config.pooler)
    except (MigrationError, ConfigError) as error:
        return ReadyFinding(False, "migrations", " ".join(str(error).split()))
    return migrations_finding(statuses)


@cache
def _scope(*packages: Package) -> RunScope:
    """Read the files of migrations once: probes come every few seconds."""
    return RunScope.of(packages)


def migrations_finding(statuses: Sequence[MigrationStatus]) -> ReadyFinding:
    """Say whether all migrations are applied, and none disagrees with its file."""
    subject = "migrations"
    pending = [status.migration_id for status in statuses if status.state == "pending"]
    wrong = [
        f"{status.migration_id} {status.state}{status.holder and f' by {status.holder}'}"
        for status in statuses
        if status.state not in {"applied", "unrecorded", "pending"}
    ]
    if wrong:
        advice = "oadb migrate runs nothing and says what to do"
        return ReadyFinding(False, subject, ", ".join(wrong), advice)
    if pending:
        return ReadyFinding(False, subject, f"{', '.join(pending)} pending", MIGRATE)
    return ReadyFinding(True, subject, f"all {len(statuses)} are applied")


async def _check_keys(db: AsyncExecutor, config: Config) -> list[ReadyFinding]:
    return [keys_finding(config.keyring, await proof.list_canaries(db))]


def keys_finding(ring: KeyRing | None, canaries: list[Canary]) -> ReadyFinding:
    """Say whether every key of the database is in the ring."""
    subject = "keys"
    enrolled = ", ".join(str(canary.key_id) for canary in canaries)
    if ring is None and canaries:
        text = f"no key ring, but secrets are sealed under key {enrolled}"
        return ReadyFinding(False, subject, text, "set OADB_KEYRING_FILE")
    if ring is None:
        return ReadyFinding(True, subject, "no key ring; none needed yet")
    primary = ring.primary.key_id
    if not canaries:
        return ReadyFinding(True, subject, f"none in use; the first secret enrolls key {primary}")
    try:
        proof.require_fit(ring, canaries)
    except KeyRingError as error:
        return ReadyFinding(False, subject, str(error))
    return ReadyFinding(True, subject, f"{enrolled} in use, all in the ring; {primary} is primary")


async def _check_roles(db: AsyncExecutor, _config: Config) -> list[ReadyFinding]:
    """Check the role; there are none before the first migration, which another check tells."""
    standing = await catalog.find_standing(db)
    if standing is None:
        return []
    return [
        roles_finding(standing, await catalog.list_roles(db, [*catalog.SERVICE_ROLES])),
        *visible_finding(standing, await row_security.list_walls(db)),
    ]


def roles_finding(standing: Standing, roles: Sequence[Role]) -> ReadyFinding:
    """Say whether the role of the connection fits, and what it is for."""
    subject, own, owner = "roles", standing.role_name, standing.owner_name
    let_in = [role.name for role in roles if role.is_let_in]
    is_concerned = standing.is_exempt or own == owner
    if is_concerned and not standing.can_act_as_user and "oadb_user" in let_in:
        text = f"db.as_user is refused to {own}, which may not become oadb_user"
        return ReadyFinding(False, subject, text, _acting_advice(standing, let_in))
    if standing.is_exempt and not standing.can_act_as_user:
        text = f"row-level security does not bind {own}, so db.as_user is refused"
        advice = f"connect as a role without superuser and bypassrls, or {_CREATE_ROLES}"
        return ReadyFinding(False, subject, text, advice)
    if own == owner and not standing.can_act_as_user:
        text = f"one for everything: row-level security alone binds {own}"
        return ReadyFinding(True, subject, text)
    missing = sorted({*catalog.SERVICE_ROLES} - {role.name for role in roles})
    if missing:
        return ReadyFinding(False, subject, f"{', '.join(missing)} missing", _CREATE_ROLES)
    return ReadyFinding(True, subject, f"separate; {_role_advice(standing)}")


def _acting_advice(standing: Standing, let_in: Sequence[str]) -> str:
    """Return what lets an owner become oadb_user, which somebody else has made.

    That is the owner of another database of the server, if not a superuser.
    """
    own, givers = standing.role_name, standing.givers
    grant = f"grant oadb_user to {own};"
    if own in givers:
        return grant
    if not givers:
        return f"as the administrator of the server: {grant}"
    advice = f"the roles were made for another database of this server; as {' or '.join(givers)}: "
    if standing.is_exempt:
        return advice + grant
    revoke = f"revoke usage on schema oadb from {', '.join(let_in)};"
    return f"{advice}{grant} or, to do without them here: {revoke}"


def _role_advice(standing: Standing) -> str:
    """Return what this connection's role is for, if roles are separate."""
    own, owner = standing.role_name, standing.owner_name
    if standing.is_exempt:
        return f"only db.as_user binds {own}: connect services as a member of oadb_app"
    if own == owner:
        return f"{own} owns the tables: connect services as a member of oadb_app"
    return f"{owner} owns the tables, {own} uses them"


def visible_finding(standing: Standing, tables: Sequence[Wall]) -> list[ReadyFinding]:
    """Return a finding if this role sees no row of some tables."""
    hidden = [table.name for table in tables if not table.is_open_to_us]
    if not hidden or standing.is_exempt:
        return []
    text = (
        f"without db.as_user, {standing.role_name} sees no row of {len(hidden)} tables, "
        f"such as {hidden[0]}"
    )
    advice = "connect as a member of oadb_app, or as the owner: call oadb.grant_privileges();"
    return [ReadyFinding(False, "row security", text, advice)]


CHECKS: Mapping[str, ReadyCheck] = {
    "migrations": _check_migrations,
    "keys": _check_keys,
    "roles": _check_roles,
}
"""The checks of ``db.ready()``, by subject."""
