"""Where plans of a live database are asked for: in a session that nobody else has."""

from oadb.engine.config import Config
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError


def target(config: Config) -> Dsn:
    """Return the database to plan on.

    Raises:
        ConfigError: PgBouncer is in front of it, where settings for a plan would reach others.
    """
    if config.pooler == "pgbouncer":
        raise ConfigError(
            "DB_POOLER is pgbouncer, and a plan needs a session that is its own, for its settings: "
            "set DB_POOLER=none and give the address of the server itself in DATABASE_URL or "
            "--database-url"
        )
    return config.dsn
