"""Databases under conditions: unreachable, behind a pooler."""

from dataclasses import replace

from oadb import Config, Database
from tests.conftest import RING


def unreachable() -> Database:
    """Return a database that no connection can be made to."""
    return Database(
        Config.from_env(
            {
                "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
                "OADB_KEYRING": RING.to_json(),
                "DB_POOL_TIMEOUT": "0.2",
            }
        )
    )


def behind_pgbouncer(config: Config) -> Config:
    """Return *config* for PgBouncer, which passes no notifications on."""
    return replace(config, pooler="pgbouncer")
