"""Guards that concern the transaction of a statement: read only, isolation, expected rows."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase
from oadb.engine import dsn
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.errors import (
    DeclarationError,
    NoRowError,
    ParameterError,
    TooManyRowsError,
    TransactionError,
)
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.pgbouncer import bouncer, needs_pgbouncer
from tests.support.rig import Connect, Db, Observer, config, threads

__all__ = ["bouncer"]  # a fixture

_SQL = """
-- name: call
-- read only
select public.write_a_row() as written;

-- name: is_read_only
-- read only
-- timeout: 7 s
select current_setting('transaction_read_only') || current_setting('statement_timeout') as text;

-- name: isolation
-- isolation: serializable
select current_setting('transaction_isolation') as text;

-- name: transfer
-- isolation: serializable
update public.probe set amount = (select sum(amount) + 1 from public.probe)
where probe_id = :probe_id;

-- name: set_one
-- expects: 1 row
update public.probe set note = :note where note like :pattern;

-- name: delete_some
-- expects: at least 2 rows
delete from public.probe where probe_id <= :most;

-- name: few
-- expects: at most 2 rows
select probe_id from public.probe order by probe_id;

-- name: set_isolated
-- expects: 1 row
-- isolation: repeatable read
update public.probe set note = current_setting('transaction_isolation') where probe_id = :probe_id;

-- name: stream
-- isolation: repeatable read
select current_setting('transaction_isolation') as text;
"""

query = Queries("guarded", parse(_SQL, "guarded", "guarded.sql"))


@query
def call() -> int: ...


@query
def is_read_only() -> str: ...


@query
def isolation() -> str: ...


@query
def transfer(probe_id: int) -> Affected: ...


@query
def set_one(note: str, pattern: str) -> None: ...


@query
def delete_some(most: int) -> Affected: ...


@query
def few() -> list[int]: ...


@query
def set_isolated(probe_id: int) -> Affected: ...


@query
def stream() -> Iterator[str]: ...


query.complete()


@pytest.fixture
def db(connect: Connect, observer: Observer) -> Db:
    observer.rows(
        "create function public.write_a_row() returns integer language sql as "
        "'insert into public.probe (probe_id, note) values (99, ''written'') returning probe_id'"
    )
    db = connect(pool_size=2)
    probes.put.many(db, [(1, "a"), (2, "b"), (3, "b")])
    return db


def test_a_statement_that_is_read_only_cannot_write_through_a_function(db: Db) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match=r"^guarded\.call: "):
        call(db)
    assert is_read_only(db) == "on7s"
    assert probes.put(db, 4, "the next statement may write") == 1


def test_what_is_read_only_in_a_transaction_ends_with_the_statement(db: Db) -> None:
    with db.transaction() as tx:
        probes.put(tx, 4, "before")
        assert is_read_only(tx) == "on7s"
        assert probes.setting(tx, "statement_timeout") == "15s"
        probes.put(tx, 5, "after")
        with (
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            tx.transaction() as nested,
        ):
            call(nested)
        with suppress(ZeroDivisionError), tx.transaction() as nested:
            assert is_read_only(nested) == "on7s"
            raise ZeroDivisionError
        with tx.transaction() as nested:
            assert is_read_only(nested) == "on7s"
        probes.put(tx, 6, "last")
        assert is_read_only(tx) == "on7s"
    assert probes.ids(db) == [1, 2, 3, 4, 5, 6]


def test_a_statement_has_its_own_isolation_and_the_next_one_the_usual(db: Db) -> None:
    assert isolation(db) == "serializable"
    assert probes.setting(db, "transaction_isolation") == "read committed"
    assert isolation(db) == "serializable"
    assert transfer(db, 1) == 1
    assert probes.amount(db, 1) == 1
    assert db.stats().leased == 0


def test_concurrent_statements_that_conflict_are_repeated(db: Db) -> None:
    with threads(4) as pool:
        assert list(pool.map(lambda n: transfer(db, 1 + n % 2), range(20))) == [1] * 20
    # Each added one to the sum of all: they ran as if one after the other.
    assert probes.amount(db, 1) != probes.amount(db, 2)


def test_an_isolation_must_be_that_of_the_transaction(db: Db) -> None:
    with db.transaction(isolation="serializable") as tx:
        probes.one(tx)
        assert isolation(tx) == "serializable"
        with tx.transaction() as nested:
            assert isolation(nested) == "serializable"
    for other in (None, "repeatable read"):
        given = other or "the server's default"
        message = (
            f"guarded.isolation: its isolation is serializable, that of this .* {given}; begin"
        )
        with (
            db.transaction(isolation=other) as tx,  # type: ignore[arg-type]  # of a loop
            pytest.raises(TransactionError, match=message),
        ):
            isolation(tx)


def test_a_stream_has_its_isolation(db: Db) -> None:
    assert list(stream(db)) == ["repeatable read"]


def test_a_write_of_other_rows_than_expected_is_undone(db: Db) -> None:
    set_one(db, "c", "a")
    with pytest.raises(TooManyRowsError, match=r"2 rows, although it expects 1 row$"):
        set_one(db, "d", "b")
    with pytest.raises(NoRowError, match=r"0 rows, although it expects 1 row$"):
        set_one(db, "d", "nothing")
    with pytest.raises(NoRowError, match=r"1 rows, although it expects at least 2$"):
        delete_some(db, 1)
    assert probes.notes(db) == ["c", "b", "b"]
    assert delete_some(db, 2) == 2
    assert few(db) == [3]


def test_a_read_of_more_rows_than_expected_is_an_error(db: Db) -> None:
    with pytest.raises(TooManyRowsError, match=r"3 rows, although it expects at most 2$"):
        few(db)


def test_a_transaction_cannot_commit_a_write_of_other_rows_than_expected(db: Db) -> None:
    def swallow() -> None:
        with db.transaction() as tx:
            probes.put(tx, 4, "x")
            with pytest.raises(TooManyRowsError):
                set_one(tx, "d", "b")

    with pytest.raises(TransactionError, match="swallowed"):
        swallow()
    assert probes.notes(db) == ["a", "b", "b"]


def test_a_nested_transaction_contains_it(db: Db) -> None:
    with db.transaction() as tx:
        probes.put(tx, 4, "x")
        with pytest.raises(TooManyRowsError), tx.transaction() as nested:
            set_one(nested, "d", "b")
    assert probes.notes(db) == ["a", "b", "b", "x"]


def test_expected_rows_and_an_isolation_go_together(db: Db) -> None:
    assert set_isolated(db, 1) == 1
    assert probes.notes(db)[0] == "repeatable read"
    with pytest.raises(NoRowError):
        set_isolated(db, 77)


def test_they_cost_no_round_trip_but_the_commit_of_a_write_that_is_counted(
    connect: Connect, url: str
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        probes.put(db, 1, "a")

        def round_trips(work: Callable[[], object]) -> int:
            work()  # the statements are prepared
            before = proxy.round_trips
            work()
            return proxy.round_trips - before

        def within() -> None:
            with db.transaction() as tx:
                with tx.transaction() as nested:
                    is_read_only(nested)
                is_read_only(tx)

        assert round_trips(lambda: is_read_only(db)) == 1
        assert round_trips(lambda: isolation(db)) == 1
        assert round_trips(lambda: transfer(db, 1)) == 1
        assert round_trips(lambda: set_one(db, "a", "a")) == 2
        assert round_trips(within) == 4, "two statements, the end of the nested one, the commit"


@pytest.mark.parametrize("query", [is_read_only, isolation], ids=["read only", "isolation"])
def test_they_cannot_be_combined_with_other_calls(db: Db, query: Any) -> None:
    with pytest.raises(ParameterError, match="are properties of a transaction"):
        query.many(db, [()])
    with db.batch() as batch, pytest.raises(ParameterError, match="properties of a transaction"):
        query(batch)


def test_a_batch_is_undone_if_one_of_its_writes_has_other_rows_than_expected(db: Db) -> None:
    def send() -> None:
        with db.batch() as batch:
            probes.put(batch, 4, "x")
            set_one(batch, "d", "b")

    with pytest.raises(TooManyRowsError, match=r"^guarded\.set_one: 2 rows"):
        send()
    with pytest.raises(TooManyRowsError, match=r"^guarded\.set_one\.many: rows\[1\]: 2 rows"):
        set_one.many(db, [("d", "a"), ("e", "b")])
    assert probes.notes(db) == ["a", "b", "b"]


@needs_pgbouncer
def test_they_hold_behind_a_pooler(connect: Connect, bouncer: str) -> None:
    db = connect(bouncer, pooler="pgbouncer", pool_size=2)
    probes.put(db, 1, "a")
    for _ in range(3):
        assert is_read_only(db) == "on7s"
        assert isolation(db) == "serializable"
        assert transfer(db, 1) == 1
        set_one(db, "a", "a")
        with pytest.raises(NoRowError):
            set_one(db, "a", "z")
    assert probes.setting(db, "transaction_isolation") == "read committed"


async def test_they_hold_over_an_async_database(url: str) -> None:
    async with AsyncDatabase(config(url)) as db:
        await probes.put(db, 1, "a")
        assert await isolation(db) == "serializable"
        with pytest.raises(NoRowError):
            await set_one(db, "b", "z")


def test_a_statement_that_writes_is_not_read_only() -> None:
    text = "-- name: go\n-- read only\ndelete from public.probe;"
    declare = Queries("bad", parse(text, "bad", "bad.sql"))

    @declare
    def go() -> Affected: ...

    assert go is not None
    with pytest.raises(DeclarationError, match=r"bad\.go: read only: the statement writes"):
        declare.complete()
