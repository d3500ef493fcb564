"""Guards: timeouts, numbers of rows and warnings that stand in the comment of a statement."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from psycopg.errors import LockNotAvailable, QueryCanceled

from oadb import AsyncDatabase
from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.errors import DeclarationError, TooManyRowsError
from tests.support import pool_probes as probes
from tests.support.log_rows import held
from tests.support.rig import Connect, Db, config

SQL = """
-- name: slow
-- timeout: 200 ms
select 1 as done from pg_sleep(:seconds);

-- name: patient
-- timeout: 5 s
select 1 as done from pg_sleep(:seconds);

-- name: locking
-- timeout: 5 s
-- lock timeout: 100 ms
update public.probe set note = 'x' where probe_id = :probe_id;

-- name: numbers
-- rows: at most 3
select number from generate_series(1, :most) as number;

-- name: old
-- deprecated: use numbers
select 1 as one;
"""


def declared(sql: str, *functions: Callable[..., Any]) -> list[Query[..., Any]]:
    query = Queries("guarded", parse(sql, "guarded", "sql/queries/guarded.sql"))
    found = [query(function) for function in functions]
    query.complete()
    return found


def slow(seconds: float) -> int: ...


def patient(seconds: float) -> int: ...


def locking(probe_id: int) -> Affected: ...


def numbers(most: int) -> list[int]: ...


def old() -> int: ...


SLOW, PATIENT, LOCKING, NUMBERS, OLD = declared(SQL, slow, patient, locking, numbers, old)


@pytest.fixture
def db(connect: Connect) -> Db:
    return connect(pool_size=1, max_overflow=0, statement_timeout_seconds=1)


def timeouts(executor: Any) -> tuple[str, str]:
    names = ("statement_timeout", "lock_timeout")
    return tuple(probes.setting(executor, name) for name in names)  # type: ignore[return-value]  # two


@pytest.mark.long("waits for timeouts")
def test_a_statement_has_its_own_timeout_and_the_next_one_the_usual(db: Db) -> None:
    with pytest.raises(QueryCanceled, match=r"guarded\.slow"):
        SLOW(db, 0.5)
    assert PATIENT(db, 1.2) == 1, "longer than DB_STATEMENT_TIMEOUT"
    assert timeouts(db) == ("1s", "2s")
    with pytest.raises(QueryCanceled):
        probes.pause(db, 1.5)


@pytest.mark.long("waits for timeouts")
def test_a_timeout_within_a_transaction_ends_with_its_statement(db: Db) -> None:
    with db.transaction() as tx:
        before = timeouts(tx)
        assert PATIENT(tx, 0.0) == 1
        assert SLOW(tx, 0.0) == 1
        assert timeouts(tx) == before
        with pytest.raises(QueryCanceled), tx.transaction() as nested:
            SLOW(nested, 0.5)
        assert timeouts(tx) == before
        assert PATIENT(tx, 1.2) == 1
    assert timeouts(db) == ("1s", "2s")


def test_a_nested_transaction_that_fails_after_it_gives_the_timeouts_back(db: Db) -> None:
    with db.transaction() as tx:
        before = timeouts(tx)
        with suppress(ZeroDivisionError), tx.transaction() as nested:
            SLOW(nested, 0.0)
            raise ZeroDivisionError
        assert timeouts(tx) == before


async def test_an_interrupted_statement_gives_the_timeouts_back(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=1)) as db, db.transaction() as tx:
        with pytest.raises(TimeoutError):
            async with tx.transaction() as nested, asyncio.timeout(0.05):
                await PATIENT(nested, 3.0)
        assert await probes.setting(tx, "statement_timeout") == "15s"


def test_a_lock_timeout_is_that_of_the_statement(db: Db, url: str) -> None:
    probes.put(db, 1, "row")
    with (
        held(url, "select 1 from public.probe for update"),
        pytest.raises(LockNotAvailable, match="guarded"),
    ):
        LOCKING(db, 1)
    assert LOCKING(db, 1) == 1


def test_a_guarded_statement_that_ends_a_transaction_costs_nothing_more(db: Db) -> None:
    with db.transaction() as tx:
        SLOW(tx, 0.0)
        session = (tx.inner if hasattr(tx, "inner") else tx._inner)._session
        assert len(session.prelude) == 1
        assert session.due(None) == []


def test_more_rows_than_allowed_are_an_error(db: Db) -> None:
    assert NUMBERS(db, 3) == [1, 2, 3]
    with pytest.raises(TooManyRowsError, match=r"^guarded\.numbers: 4 rows, although it allows 3"):
        NUMBERS(db, 4)


def test_a_deprecated_query_warns_its_caller(db: Db) -> None:
    with pytest.warns(DeprecationWarning, match=r"guarded\.old is deprecated: use numbers") as seen:
        assert OLD(db) == 1
    assert seen[0].filename == __file__


def test_guards_are_shown_by_help() -> None:
    assert "timeout: 200 ms" in (SLOW.__doc__ or "")

    def old() -> int:
        """Return one."""
        ...  # a declaration

    text = "-- name: old\n-- For readers.\n-- timeout: 1 s\n-- read only\nselect 1 as one;"
    [query] = declared(text, old)
    assert query.__doc__ == "Return one.\n\ntimeout: 1 s\nread only\n\nsql/queries/guarded.sql:5"


MISTAKES = {
    "timeout: 5": "timeout: write it like this: -- timeout: 500 ms (or s, min)",
    "timeout: 0 ms": "timeout: write it like this",
    "lock timeout: soon": "lock timeout: write it like this: -- lock timeout: 500 ms",
    "timeout: 1 s\n-- timeout: 2 s": "timeout: it is given twice",
    "timeout: 1 s\n-- lock timeout: 1 s": "lock timeout: it is not below the timeout",
    "rows: 10": "rows: write it like this: -- rows: at most 1000",
    "rows: at most 10": "rows: only a list has a number of rows to limit",
    "deprecated:": "deprecated: say what to use instead",
    "isolation: high": "isolation: it is one of read committed, repeatable read, serializable",
    "expects: some": "expects: write it like this: -- expects: 1 row (or 5 rows, at least 1 row)",
    "expects: 1 row": "expects: the return annotation says how many rows there are",
    "rows: at most 2\n-- expects: 1 row": "rows: expects says how many there are",
}


@pytest.mark.parametrize(("comment", "message"), MISTAKES.items(), ids=[*MISTAKES])
def test_a_mistake_in_a_guard_is_refused(comment: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declared(f"-- name: old\n-- {comment}\nselect 1 as one;", old)
    assert message in str(caught.value)


def test_a_stream_has_no_timeout() -> None:
    def numbers() -> Iterator[int]: ...

    with pytest.raises(DeclarationError, match="timeout: a stream or COPY has none"):
        declared("-- name: numbers\n-- timeout: 1 s\nselect 1 as one;", numbers)
