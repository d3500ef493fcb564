"""psycopg's answers, blocking: its pool with one and five connections, and a cursor without."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import aiosql
import psycopg
import psycopg_pool
from psycopg.rows import class_row

from tests.benchmarks.conditions import POOL_SIZE
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import BLOCKING, Entrant, Entrants, repeated
from tests.benchmarks.contest.names import (
    CLASS_ROW,
    COPY_ROWS,
    CURSOR,
    DEFAULT_POOL,
    POOL,
    WRITE_ROW,
)
from tests.benchmarks.contest.questions import (
    ARRAYS,
    COPY,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

GET, LIST, SET = trades.GET.format("%s"), trades.LIST.format("%s"), trades.SET.format("%s", "%s")
INSERT = trades.INSERT.format(", ".join(["%s"] * len(trades.COLUMNS)))
UNNEST = trades.UNNEST.format(", ".join(f"%s::{kind}[]" for kind in trades.TYPES))

Pool = psycopg_pool.ConnectionPool


@contextmanager
def entrants(url: str, empty: Callable[[], object]) -> Generator[Entrants]:
    """Give all of them."""
    with ExitStack() as running:
        enter = running.enter_context
        autocommit = {"autocommit": True}
        one, five = enter(_pool(url, 1, **autocommit)), enter(_pool(url, POOL_SIZE, **autocommit))
        default = enter(_pool(url, POOL_SIZE))
        connection = enter(psycopg.connect(url, autocommit=True))
        yield {
            LOOKUP: [*_cursors(connection), *_pooled_lookups(one, five, default)],
            TRANSACTION: list(_transactions(connection, one, five, default)),
            UPDATE: list(_updates(connection, five)),
            ROWS_100: list(_lists(connection, five, trades.HUNDRED)),
            ROWS_MANY: list(_lists(connection, five, trades.MANY)),
            COPY: list(_copies(connection, empty)),
            ARRAYS: list(_inserts(connection, empty)),
        }


@contextmanager
def _pool(url: str, size: int, **options: Any) -> Generator[Pool]:
    with Pool(url, min_size=size, max_size=size, open=False, kwargs=options) as pool:
        pool.wait()
        yield pool


def _cursors(connection: psycopg.Connection) -> Iterator[Entrant]:
    for name, binary in ((CURSOR, False), (f"{CURSOR}, binary", True)):
        cursor = psycopg.RawCursor(connection)
        sql = trades.GET.format("$1").encode()

        def lookup(
            key: int, cursor: psycopg.RawCursor = cursor, sql: bytes = sql, binary: bool = binary
        ) -> object:
            return cursor.execute(sql, (key,), binary=binary).fetchone()

        yield Entrant(name, BLOCKING, repeated(lookup))


def _pooled_lookups(one: Pool, five: Pool, default: Pool) -> Iterator[Entrant]:
    for name, pool in (("psycopg, pool of 1", one), (POOL, five), (DEFAULT_POOL, default)):

        def tuples(key: int, pool: Pool = pool) -> object:
            with pool.connection() as connection:
                return connection.execute(GET, (key,)).fetchone()

        yield Entrant(name, BLOCKING, repeated(tuples))

    def rows(key: int) -> object:
        with (
            five.connection() as connection,
            connection.cursor(row_factory=class_row(trades.Trade)) as cursor,
        ):
            return cursor.execute(GET, (key,)).fetchone()

    yield Entrant(CLASS_ROW, BLOCKING, repeated(rows))
    named = f"-- name: get(trade_id)^\n-- record_class: Trade\n{trades.GET.format(':trade_id')};\n"
    queries: Any = aiosql.from_str(named, "psycopg", record_classes={"Trade": trades.Trade})

    def by_name(key: int) -> object:
        with five.connection() as connection:
            return queries.get(connection, trade_id=key)

    yield Entrant(f"aiosql on psycopg, pool of {POOL_SIZE}", BLOCKING, repeated(by_name))


def _transactions(
    connection: psycopg.Connection, one: Pool, five: Pool, default: Pool
) -> Iterator[Entrant]:
    def bare(key: int) -> object:
        with connection.transaction():
            return connection.execute(GET, (key,)).fetchone()

    yield Entrant("psycopg, one connection", BLOCKING, repeated(bare))
    for name, pool in (("psycopg, pool of 1", one), (POOL, five)):

        def pooled(key: int, pool: Pool = pool) -> object:
            with pool.connection() as leased, leased.transaction():
                return leased.execute(GET, (key,)).fetchone()

        yield Entrant(f"{name}, autocommit and transaction()", BLOCKING, repeated(pooled))

    def by_default(key: int) -> object:
        with default.connection() as leased:
            return leased.execute(GET, (key,)).fetchone()

    yield Entrant(DEFAULT_POOL, BLOCKING, repeated(by_default))


def _updates(connection: psycopg.Connection, five: Pool) -> Iterator[Entrant]:
    def bare(key: int) -> object:
        return connection.execute(SET, ("seen", key)).rowcount

    def pooled(key: int) -> object:
        with five.connection() as leased:
            return leased.execute(SET, ("seen", key)).rowcount

    yield Entrant("psycopg, one connection", BLOCKING, repeated(bare))
    yield Entrant(POOL, BLOCKING, repeated(pooled))


def _lists(connection: psycopg.Connection, five: Pool, most: int) -> Iterator[Entrant]:
    for name, binary in ((CURSOR, False), (f"{CURSOR}, binary", True)):

        def bare(_: int, binary: bool = binary) -> object:
            return connection.execute(LIST, (most,), binary=binary).fetchall()

        yield Entrant(f"{name}, tuples", BLOCKING, repeated(bare))

    def tuples(_: int) -> object:
        with five.connection() as leased:
            return leased.execute(LIST, (most,)).fetchall()

    def rows(_: int) -> object:
        with (
            five.connection() as leased,
            leased.cursor(row_factory=class_row(trades.Trade)) as cursor,
        ):
            return cursor.execute(LIST, (most,)).fetchall()

    yield Entrant(POOL, BLOCKING, repeated(tuples))
    yield Entrant(CLASS_ROW, BLOCKING, repeated(rows))


def _copies(connection: psycopg.Connection, empty: Callable[[], object]) -> Iterator[Entrant]:
    given = trades.values(trades.COPIED)

    def copy(_: int, form: str = "") -> object:
        with connection.cursor() as cursor:
            with cursor.copy(f"{trades.COPY}{form}".encode()) as sent:
                if form:
                    sent.set_types(trades.TYPES)
                for row in given:
                    sent.write_row(row)
            return cursor.rowcount

    yield Entrant(WRITE_ROW, BLOCKING, repeated(copy), empty)
    binary = repeated(lambda key: copy(key, " (format binary)"))
    yield Entrant(f"{WRITE_ROW}, binary", BLOCKING, binary, empty)


def _inserts(connection: psycopg.Connection, empty: Callable[[], object]) -> Iterator[Entrant]:
    given = trades.values(trades.ADDED)

    def one_by_one(_: int) -> object:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(INSERT, given)
            return cursor.rowcount

    def by_arrays(_: int) -> object:
        return connection.execute(UNNEST, columns(given)).rowcount

    def copied(_: int) -> object:
        with connection.cursor() as cursor:
            with cursor.copy(trades.COPY.encode()) as sent:
                for row in given:
                    sent.write_row(row)
            return cursor.rowcount

    yield Entrant("psycopg, executemany in a transaction", BLOCKING, repeated(one_by_one), empty)
    yield Entrant("psycopg, unnest of arrays", BLOCKING, repeated(by_arrays), empty)
    yield Entrant(COPY_ROWS, BLOCKING, repeated(copied), empty)


def columns(rows: Sequence[trades.Values]) -> list[list[object]]:
    """Return rows as one list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]
