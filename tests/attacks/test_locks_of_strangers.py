"""A role that may only connect must not stop maintenance, migrations, loads or statistics.

Such a role can hold every advisory lock, and nothing forbids it: no claim of oadb is one.
"""

from collections.abc import Generator

import psycopg
import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.engine.binding import statements
from oadb.engine.binding.packages import find
from oadb.logs import rollups
from oadb.market import loads
from oadb.tools import maintenance, retention
from oadb.tools.migrations.runner import migrate
from tests.support.instrument_rows import INFY
from tests.support.rig import Observer

# What the claims were, and what they would be: each half of a key, and a whole one.
_KEYS = (
    "select pg_advisory_lock(7605879415854170406)",
    "select pg_advisory_lock(-3180042231280844341)",
    "select pg_advisory_lock(hashtextextended('oadb.rollups', 0))",
    "select pg_advisory_lock(hashtextextended('oadb.instruments zerodha', 0))",
)


@pytest.fixture
def url(oadb_database_url: str) -> str:
    return oadb_database_url


@pytest.fixture
def stranger(url: str) -> Generator[psycopg.Connection]:
    """Give a connection of a role that may connect, with all it can lock."""
    observer = Observer(url)
    observer.rows("create role stranger login")
    try:
        with psycopg.connect(url.replace("postgres@", "stranger@"), autocommit=True) as connection:
            for key in _KEYS:
                connection.execute(key.encode())
            yield connection
    finally:
        observer.rows("drop role stranger")


def test_a_stranger_stops_no_maintenance(url: str, stranger: psycopg.Connection) -> None:
    assert not stranger.closed
    kept = dict.fromkeys(retention.DEFAULT_DAYS)
    found = [*maintenance.run(Config.from_env({"DATABASE_URL": url}), kept)]
    assert [str(finding) for finding in found if not finding.ok] == []


def test_a_stranger_stops_no_migration(url: str, stranger: psycopg.Connection) -> None:
    assert not stranger.closed
    assert migrate(dsn.parse(url), wait=0).applied == ()


def test_a_stranger_stops_no_load_and_no_statistics(url: str, stranger: psycopg.Connection) -> None:
    assert not stranger.closed
    with Database.from_url(url) as db:
        assert loads.load(db, "zerodha", [INFY]).inserted == 1
        assert rollups.refresh(db).is_complete


@pytest.mark.parametrize(
    "table", ["oadb.claims", "oadb.users", "oadb.log_tables", "oadb_migration_lock", "yoyo_lock"]
)
def test_a_stranger_locks_no_table(url: str, stranger: psycopg.Connection, table: str) -> None:
    assert url
    with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
        stranger.execute(f"lock table {table} in access share mode".encode())


def test_no_statement_claims_by_an_advisory_lock() -> None:
    """But that of a load, which shows that it runs, and excludes nobody."""
    claiming = {
        statement.label
        for place in find("oadb").places()
        for statement in statements.load(find("oadb"), place).values()
        if any("advisory" in name for name in statement.functions)
    }

    assert claiming == {"staging._claim_load"}
