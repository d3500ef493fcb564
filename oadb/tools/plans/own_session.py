"""Where plans of a live database are asked for: in a session that nobody else has."""

from oadb.engine.config import Config
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn
from oadb.engine.single_connection import SingleConnection
from oadb.errors import ConfigError
from oadb.tools.session_watch import get_process_id


def target(config: Config) -> Dsn:
    """Return the database to plan on.

    Raises:
        ConfigError: PgBouncer is in front of it, where settings for a plan would reach others.
    """
    if config.is_pooled:
        raise ConfigError(
            f"DB_POOLER is {config.pooler}, and a plan needs a session that is its own, for its "
            "settings: set DB_POOLER=none and give the address of the server itself in "
            "DATABASE_URL or --database-url"
        )
    return config.dsn


def require(connection: DirectConnection, dsn: Dsn) -> None:
    """Refuse a session that others share, who would get the role and the settings of a plan.

    A pooler gives its clients other process ids than those of the server.

    Raises:
        ConfigError: a pooler is between.
    """
    if get_process_id(SingleConnection(connection, prepares=False)) != connection.process:
        raise ConfigError(
            f"{dsn} leads to a pooler, which gives the session to others, with the role and the "
            "settings of a plan; give the address of the server itself in DATABASE_URL or "
            "--database-url"
        )
