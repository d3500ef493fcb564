"""Rotation: rows of every table are sealed again, batch by batch and by compare and swap."""

from collections.abc import Callable, Generator
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import (
    api_keys,
    broker_tokens,
    second_factor_rows,
    second_factors,
    sessions,
    user_rows,
)
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof, root_key_uses, rotation
from oadb.keys.rotation import RewrapBatch, SealedRow, SealedTable
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import SealedColumn
from oadb.settings import smtp_settings
from oadb.tools.key_rotation import TABLES
from oadb.trading import strategy_rows
from tests.support.rig import Observer
from tests.support.roots import some_root
from tests.support.user_rows import insert

MADE = datetime(2026, 1, 1, tzinfo=UTC)
OLD = KeyRing([Key(1, "primary", MADE, some_root(1)), Key(2, "decrypt-only", MADE, some_root(2))])
NEW = OLD.with_primary(2)

COLUMNS = {
    "users": "password_hash",
    "sessions": "fingerprint",
    "api_keys": "fingerprint",
    "broker_tokens": "access_token",
    "second_factors": "secret",
    "smtp_settings": "password",
    "strategies": "fingerprint",
}
SECRET, NEWER = b"s" * 32, b"n" * 32

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def opened(url: str, ring: KeyRing) -> Database:
    return Database(Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": ring.to_json()}))


@pytest.fixture
def oadb_database_url(url: str) -> str:
    """Give the one database of these tests, where a user has a damaged row in every table."""
    with psycopg.connect(url) as connection:
        connection.execute("truncate oadb.key_canaries, oadb.users restart identity cascade")
        connection.execute("insert into oadb.smtp_settings default values")
    with opened(url, OLD) as late:
        proof.prove(late)
        proof.admit(late, 2)
    with psycopg.connect(url) as connection:
        for name in ("users", *(COLUMNS.keys() - {"users", "smtp_settings"})):
            connection.execute(insert(name, 1).encode())
        for name in ("users", "smtp_settings"):
            column = Identifier(COLUMNS[name])
            update = SQL("update oadb.{} set {} = secret from oadb.second_factors")
            connection.execute(update.format(Identifier(name), column))
    return url


@pytest.fixture
def db(oadb_database_url: str) -> Generator[Database]:
    """Give a process that seals under the new key."""
    with opened(oadb_database_url, NEW) as db:
        yield db


def listed(db: Database, table: SealedTable, key_id: int) -> SealedRow:
    """Return the one row of a table, which is under this key."""
    (found,) = rotation._list_under_key(db, table.name, key_id, 0, 10)
    return found


def put(url: str, db: Database, table: SealedTable, value: bytes) -> None:
    """Seal a value under the old key, as a process does that was not restarted yet."""
    column = SealedColumn(table.name, COLUMNS[table.name])
    sealed = column.seal(OLD, listed(db, table, 1).row, value)
    update = SQL("update oadb.{} set {} = %s").format(
        Identifier(table.name), Identifier(column.column)
    )
    with psycopg.connect(url) as connection:
        connection.execute(update, [sealed])


def opened_value(db: Database, table: SealedTable, key_id: int) -> bytes:
    found = listed(db, table, key_id)
    return SealedColumn(table.name, COLUMNS[table.name]).open(NEW, found.row, found.sealed[0])


def meanwhile(table: SealedTable, change: Callable[[], object]) -> SealedTable:
    """Return a table whose rows change after they were read and before they are written."""

    async def write(db: AsyncExecutor, *arrays: Any) -> Affected:
        change()
        return await table.write(db, *arrays)

    return replace(table, write=write)


def test_all_tables_that_need_a_root_key_are_rewrapped(db: Database, observer: Observer) -> None:
    needing = observer.rows(
        "select conrelid::regclass::text from pg_catalog.pg_constraint "
        "where confrelid = 'oadb.key_canaries'::regclass"
    )

    assert sorted(f"oadb.{table.name}" for table in TABLES) == sorted(name for (name,) in needing)
    assert {use.table_name for use in root_key_uses.list_uses(db)} == {
        table.name for table in TABLES
    }


@every_table
def test_a_row_is_sealed_again_and_keeps_its_value(
    db: Database, oadb_database_url: str, table: SealedTable
) -> None:
    put(oadb_database_url, db, table, SECRET)

    assert rotation.rewrap(db, table, 1, 10) == RewrapBatch(1, 1, [])
    assert opened_value(db, table, 2) == SECRET
    uses = {use.table_name: use.key_id for use in root_key_uses.list_uses(db)}
    assert uses == {each.name: 2 if each is table else 1 for each in TABLES}
    assert rotation.rewrap(db, table, 1, 10) == RewrapBatch(0, 0, [])


@every_table
def test_a_row_that_changes_meanwhile_is_left_to_the_next_batch(
    db: Database, oadb_database_url: str, table: SealedTable
) -> None:
    put(oadb_database_url, db, table, SECRET)
    changing = meanwhile(table, lambda: put(oadb_database_url, db, table, NEWER))

    assert rotation.rewrap(db, changing, 1, 10) == RewrapBatch(1, 1, [])
    assert opened_value(db, table, 1) == NEWER
    rotation.rewrap(db, table, 1, 10)
    assert opened_value(db, table, 2) == NEWER


@every_table
def test_a_damaged_row_stays_and_the_next_batch_begins_behind_it(
    db: Database, table: SealedTable
) -> None:
    before = listed(db, table, 1)
    first = rotation.rewrap(db, table, 1, 10)

    assert first == RewrapBatch(1, 1, [before.row])
    assert listed(db, table, 1) == before
    assert rotation.rewrap(db, table, 1, 10, first.last) == RewrapBatch(0, 0, [])


def test_a_kept_token_that_is_deleted_meanwhile_does_not_come_back(
    db: Database, oadb_database_url: str, observer: Observer
) -> None:
    with opened(oadb_database_url, OLD) as late:
        key = api_keys.create(late, 1, "kept", order_mode="auto", keep_token=True).key
    revoking = meanwhile(api_keys.SEALED, lambda: api_keys.revoke(db, 1, key.api_key_id))
    rotation.rewrap(db, revoking, 1, 10)
    question = "select key_id, kept_token from oadb.api_keys where api_key_id = %s"

    assert observer.rows(question, key.api_key_id) == [(1, None)]
    rotation.rewrap(db, api_keys.SEALED, 1, 10)
    assert observer.rows(question, key.api_key_id) == [(2, None)]


async def test_rows_are_sealed_again_for_asyncio(db: Database, oadb_database_url: str) -> None:
    put(oadb_database_url, db, second_factors.SEALED, SECRET)
    environ = {"DATABASE_URL": oadb_database_url, "OADB_KEYRING": NEW.to_json()}
    async with AsyncDatabase(Config.from_env(environ)) as adb:
        assert await rotation.rewrap(adb, second_factors.SEALED, 1, 10) == RewrapBatch(1, 1, [])

    assert opened_value(db, second_factors.SEALED, 2) == SECRET


@pytest.mark.parametrize(
    "kind",
    [
        SealedRow, api_keys.FoundKey, broker_tokens.FoundToken, second_factor_rows.FoundFactor,
        sessions.FoundSession, smtp_settings.SealedAccount, strategy_rows.FoundWebhook,
        user_rows.StoredPassword,
    ],
)  # fmt: skip  # a table
def test_a_row_does_not_show_its_sealed_values(kind: Any) -> None:
    given = [b"canary" if "bytes" in str(field.type) else None for field in fields(kind)]

    assert b"canary" in given
    assert "canary" not in repr(kind(*given))
