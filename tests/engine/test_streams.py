"""Streams: rows from server-side cursors, sync and async."""

# mypy: disable-error-code="empty-body"

from collections.abc import Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.errors import ParameterError, TransactionError
from tests.engine.binding.probes import probes
from tests.support.rig import is_idle

MANY = 10_000


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int
    word: str


query = probes("""
-- name: list_numbers
select
    number,
    'n' || number as word
from generate_series(1, :how_many) as number
order by number;

-- name: list_words
select :word::text as word;

-- name: divide
select 10 / number as quotient
from generate_series(3, 0, -1) as number;

-- name: count_cursors
select count(*) as cursors
from pg_catalog.pg_cursors
where name <> '';
""")


@query
def list_numbers(how_many: int) -> Iterator[Numbered]: ...


@query
def list_words(word: str) -> Iterator[str]: ...


@query
def divide() -> Iterator[int]: ...


@query
def count_cursors() -> int: ...


query.complete()


def test_a_stream_yields_every_row_in_order(shared_db: Database) -> None:
    numbers = [row.number for row in list_numbers(shared_db, MANY)]

    assert numbers == list(range(1, MANY + 1))
    assert next(list_numbers(shared_db, 1)) == Numbered(1, "n1")
    assert list(list_numbers(shared_db, 0)) == []


async def test_an_async_stream_yields_every_row_in_order(adb: AsyncDatabase) -> None:
    numbers = [row.number async for row in list_numbers(adb, MANY)]

    assert numbers == list(range(1, MANY + 1))
    assert is_idle(adb)


def test_two_streams_are_open_in_one_transaction(shared_db: Database) -> None:
    with shared_db.transaction() as tx:
        one, other = list_numbers(tx, MANY), list_numbers(tx, 5000)
        pairs = sum(1 for _ in zip(one, other, strict=False))
        rest = sum(1 for _ in one)

        assert (pairs, rest) == (5000, MANY - 5001)
        assert count_cursors(tx) == 0


async def test_two_async_streams_are_open_in_one_transaction(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        async with aclosing(list_numbers(tx, MANY)) as one:
            assert await anext(one) == Numbered(1, "n1")
            assert len([row async for row in list_numbers(tx, 3)]) == 3
            assert await anext(one) == Numbered(2, "n2")
            assert await count_cursors(tx) == 1
        assert await count_cursors(tx) == 0


def test_a_stream_left_early_returns_its_connection(shared_db: Database) -> None:
    with closing(list_numbers(shared_db, MANY)) as rows:
        assert next(rows).number == 1
        assert not is_idle(shared_db)

    assert is_idle(shared_db)


def test_a_stream_left_early_in_a_transaction_closes_its_cursor(shared_db: Database) -> None:
    with shared_db.transaction() as tx:
        with closing(list_numbers(tx, MANY)) as rows:
            next(rows)

            assert count_cursors(tx) == 1
        assert count_cursors(tx) == 0


async def test_an_async_stream_left_early_closes_its_cursor_before_it_returns(
    adb: AsyncDatabase,
) -> None:
    async with adb.transaction() as tx:
        async with aclosing(list_numbers(tx, MANY)) as rows:
            await anext(rows)
        assert await count_cursors(tx) == 0


async def test_an_async_stream_left_early_does_not_disturb_the_next_caller(
    oadb_database_url: str,
) -> None:
    environ = {"DATABASE_URL": oadb_database_url, "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
    async with AsyncDatabase(Config.from_env(environ)) as one:
        for _ in range(20):
            async with aclosing(list_numbers(one, MANY)) as rows:
                await anext(rows)
            assert is_idle(one)
            async with one.transaction() as tx:
                assert [await count_cursors(tx) for _ in range(3)] == [0, 0, 0]


def test_a_stream_sends_nothing_before_its_first_row_is_read(shared_db: Database) -> None:
    rows = list_numbers(shared_db, 1)

    assert is_idle(shared_db)
    assert len(list(rows)) == 1


def test_a_wrong_value_is_refused_when_the_stream_is_made(shared_db: Database) -> None:
    with pytest.raises(ParameterError, match="how_many must be int"):
        list_numbers(shared_db, "many")  # type: ignore[call-overload]  # the mistake


@pytest.mark.parametrize("text", ["hunter2\0", "hunter2\ud800"], ids=["nul", "surrogate"])
def test_a_stream_refuses_text_that_cannot_be_sent(shared_db: Database, text: str) -> None:
    with pytest.raises(ParameterError, match=r"probe\.list_words: word holds") as refused:
        list(list_words(shared_db, text))

    assert "hunter2" not in str(refused.value)


def test_an_error_in_the_middle_of_a_stream_is_raised(shared_db: Database) -> None:
    found: list[int] = []
    with pytest.raises(psycopg.errors.DivisionByZero, match=r"^probe\.divide: "):
        found.extend(divide(shared_db))

    assert is_idle(shared_db)
    assert next(list_numbers(shared_db, 1)).number == 1


def test_a_stream_cannot_outlive_its_transaction(shared_db: Database) -> None:
    with shared_db.transaction() as tx:
        rows = list_numbers(tx, 1)

    with pytest.raises(TransactionError, match=r"enter the transaction first|has ended"):
        next(rows)


def test_a_stream_over_a_database_cannot_write(shared_db: Database) -> None:
    declared = probes("-- name: taken\nselect nextval('oadb.users_user_id_seq') as number;")

    @declared
    def taken() -> Iterator[int]: ...

    declared.complete()

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        list(taken(shared_db))
