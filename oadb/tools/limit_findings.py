"""The check of the limits of a service's sessions: which they are, and who holds them."""

from collections.abc import Iterator

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.pool.connections import PooledConnection
from oadb.tools import catalog
from oadb.tools.findings import Finding

_LIMITS = ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"]


def check(config: Config) -> Iterator[Finding]:
    """Check the limits of a service, not those of a check, which are lower."""
    with Database(config) as db:
        limits = catalog.list_settings(db, _LIMITS)
        role = catalog.describe_server(db).role_name
        held = _holder(db, config)
    for limit in limits:
        if limit.setting == "0":
            advice = f"no limit; set it on the role: alter role ... set {limit.name}"
            yield Finding(False, limit.name, advice)
            continue
        spared = f"; spared by alter role {role} set {limit.name} = {limit.setting}"
        advice = spared if held == _SENT else ""
        yield Finding(True, limit.name, f"{int(limit.setting) / 1000:g} s{held}{advice}")


_SENT = ", sent at the beginning of each transaction"


def _holder(db: Database, config: Config) -> str:
    """Say what holds the limits behind a pooler, which takes none when a session begins."""
    if not config.is_pooled:
        return ""
    with db.connection() as connection:
        is_sent = isinstance(connection, PooledConnection) and bool(connection.state.limits)
    return _SENT if is_sent else ", of the role or the database"
