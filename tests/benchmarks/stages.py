"""Where the time of a call goes: each stage does what the one above it does, and more.

    python tests/benchmarks/stages.py [lookup] [async] [transaction] [rows] [copy]

The first line of each table is libpq alone, the floor. All stages of a table run in turns, pinned
to one CPU with the server; medians, and what a stage adds to the one above it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, closing
from typing import Any

import psycopg
from psycopg import generators, waiting

from oadb import AsyncDatabase, Database
from oadb.engine import execution, wire
from oadb.engine.binding.guards import COMMIT
from oadb.engine.transaction_session import begin
from tests.benchmarks import conditions
from tests.benchmarks.contest import by_libpq, trades
from tests.benchmarks.contest.entrants import awaited, repeated
from tests.benchmarks.contest.questions import COPY, LOOKUP, ROWS_MANY, TRANSACTION
from tests.benchmarks.rounds import Variant, measure, seconds

Stages = Iterable[tuple[str, Callable[[int], Any]]]

AsyncStages = list[tuple[str, Callable[[int], Awaitable[Any]]]]

_INTERVAL = 0.1


class _Steps:
    """The steps of a call of one query, on a connection that is leased for good."""

    def __init__(self, pool: Any, query: Any) -> None:
        self.connection = pool.take("stages", float("inf"), float("inf"))
        self.pgconn, self.query = self.connection.pgconn, query
        self.prepared = execution.prepared_on(self.connection, query)

    def begun(self) -> Any:
        """Send BEGIN with the statement, as the first of a transaction is."""
        values = self.values(1)
        return wire.behind(
            self.pgconn,
            [begin(None, read_only=False)],
            self.connection.state.setups,
            self.prepared,
            values,
        )

    def values(self, key: int) -> Any:
        return execution.sendable(self.prepared, self.query, (key,))

    def sent(self, values: Any) -> Any:
        self.prepared.send(self.pgconn, values)
        return generators.execute(self.pgconn)

    def waited(self, exchange: Any) -> Any:
        return waiting.wait(exchange, self.pgconn.socket, _INTERVAL)

    def tuples(self, results: list[Any]) -> list[Any]:
        converters, result = self.prepared.converters, results[0]
        converters.set_pgresult(result, set_loaders=False)
        return list(converters.load_rows(0, result.ntuples, tuple))

    def rows(self, results: list[Any], key: int = 1) -> Any:
        return execution.end_parsed(self.connection, self.query, results, (key,))


def _lookup(db: Any) -> Stages:
    trades.get(db, 1)
    trades.get(db, 1)
    pool = db._source._pool
    steps = _Steps(pool, trades.get)
    fixed = steps.values(1)

    def leased(key: int) -> Any:
        connection = pool.take("stages", float("inf"), 5.0)
        found = steps.rows(steps.connection.wait(steps.sent(steps.values(key))), key)
        pool.release(connection)
        return found

    yield "sent, waited for by psycopg", lambda _: steps.waited(steps.sent(fixed))
    yield "arguments dumped", lambda key: steps.waited(steps.sent(steps.values(key)))
    yield "a row made", lambda key: steps.rows(steps.waited(steps.sent(steps.values(key))), key)
    yield (
        "a bound of the wait, and its interruption",
        lambda key: steps.rows(steps.connection.wait(steps.sent(steps.values(key))), key),
    )
    trades.get(db, 1)  # opens another connection
    yield "a connection leased, tested, returned", leased
    yield "arguments checked, errors, retries: the call", lambda key: trades.get(db, key)


def _transaction(db: Any) -> Stages:
    trades.get(db, 1)
    trades.get(db, 1)
    steps = _Steps(db._source._pool, trades.get)

    def raw(_: int) -> Any:
        answer = steps.waited(steps.begun())
        steps.pgconn.send_query(COMMIT.sql)
        steps.waited(generators.execute(steps.pgconn))
        return answer

    def bounded(key: int) -> Any:
        connection = steps.connection
        found = steps.rows(connection.wait(steps.begun()), key)
        connection.wait(generators.execute(steps.pgconn), COMMIT)
        return found

    def whole(key: int) -> Any:
        with db.transaction() as tx:
            return trades.get(tx, key)

    yield "BEGIN with the statement, COMMIT, waited for by psycopg", raw
    yield "a row made, bounds of the waits", bounded
    trades.get(db, 1)
    yield "arguments, a lease that is watched, errors: the transaction", whole


def _rows(db: Any) -> Stages:
    trades.list_first(db, trades.MANY)
    trades.list_first(db, trades.MANY)
    steps = _Steps(db._source._pool, trades.list_first)
    values = steps.values(trades.MANY)
    yield "sent, waited for by psycopg, nothing read", lambda _: steps.waited(steps.sent(values))
    yield "values loaded, as tuples", lambda _: steps.tuples(steps.waited(steps.sent(values)))
    yield "dataclasses made", lambda _: steps.rows(steps.waited(steps.sent(values)))
    trades.list_first(db, 1)
    yield "the call", lambda _: trades.list_first(db, trades.MANY)


def _copy(db: Any) -> Stages:
    rows = trades.rows(trades.COPIED)
    load: Any = trades.load
    yield "rows checked and encoded, nothing sent", lambda _: [*load.row_encoder.blocks(rows)]
    yield "the call", lambda _: trades.load(db, rows)


async def _async(db: Any) -> AsyncStages:
    await trades.get(db, 1)
    await trades.get(db, 1)
    steps = _Steps(db._pool, trades.get)
    fixed, reader = steps.values(1), steps.connection.state.reader

    async def made(key: int) -> Any:
        return steps.rows(await reader.run(steps.sent(steps.values(key))), key)

    async def bounded(key: int) -> Any:
        return steps.rows(await steps.connection.wait(steps.sent(steps.values(key))), key)

    await trades.get(db, 1)
    return [
        ("sent, waited for by the loop", lambda _: reader.run(steps.sent(fixed))),
        ("arguments dumped, a row made", made),
        ("a bound of the wait, and its interruption", bounded),
        ("arguments checked, a lease, errors, retries: the call", lambda key: trades.get(db, key)),
    ]


def _floor(running: ExitStack, url: str, key: str) -> Variant:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(trades.EMPTY.encode())
    [entrant] = running.enter_context(by_libpq.entrants(url, lambda: None))[key]
    return Variant(entrant.name, _emptied(url, entrant.run) if key == COPY else entrant.run)


def _emptied(url: str, run: Callable[[int], object]) -> Callable[[int], float]:
    """Return what runs one call into an empty table, and says what that took."""

    def once(_: int) -> float:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(trades.EMPTY.encode())
        return seconds(lambda: run(1))

    return once


def _part(title: str, key: str, stages: Callable[[Any], Stages], rounds: int, calls: int) -> None:
    with conditions.database(trades.fill) as url, ExitStack() as running:
        variants = [_floor(running, url, key)]
        db = running.enter_context(Database(conditions.config(url)))
        for name, work in stages(db):
            run = repeated(work)
            variants.append(Variant(name, _emptied(url, run) if key == COPY else run))
        _show(title, variants, rounds, calls)


def _part_async(title: str, rounds: int, calls: int) -> None:
    with conditions.database(trades.fill) as url, ExitStack() as running:
        variants = [_floor(running, url, LOOKUP)]
        loop = running.enter_context(closing(asyncio.new_event_loop()))
        db = AsyncDatabase(conditions.config(url))
        stages = loop.run_until_complete(_async(db))
        variants += [Variant(name, awaited(loop, work)) for name, work in stages]
        _show(title, variants, rounds, calls)
        loop.run_until_complete(db.close())


def _show(title: str, variants: list[Variant], rounds: int, calls: int) -> None:
    measure(variants, rounds, calls)
    print(f"\n### {title}\n")
    before = [None, *variants[:-1]]
    conditions.table(
        ("what", "us", "more than above", "CPU of the client, us"),
        (
            [
                each.name,
                f"{each.microseconds:.1f}",
                "" if above is None else f"{each.microseconds - above.microseconds:+.1f}",
                f"{each.cpu_microseconds:.1f}",
            ]
            for each, above in zip(variants, before, strict=True)
        ),
    )


PARTS = {
    "lookup": lambda: _part("One row by its key", LOOKUP, _lookup, 60, 100),
    "async": lambda: _part_async("One row, asyncio", 60, 100),
    "transaction": lambda: _part("A transaction of one", TRANSACTION, _transaction, 60, 60),
    "rows": lambda: _part("10,000 rows", ROWS_MANY, _rows, 20, 1),
    "copy": lambda: _part("COPY of 20,000 rows", COPY, _copy, 15, 1),
}


if __name__ == "__main__":
    conditions.pin()
    conditions.run("Stages of calls", PARTS, sys.argv[1:])
