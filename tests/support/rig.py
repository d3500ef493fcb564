"""Sync and async databases behind one interface, an observer, and waiting for conditions.

The tests of the engine are written once, for threads. ``OnLoop`` gives an AsyncDatabase the calls
of a Database: an event loop in its own thread awaits each of them.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import Any, TypeVar, cast

import psycopg

from oadb.engine import dsn
from oadb.engine.binding.guards import Isolation
from oadb.engine.config import Config
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.pool.commits import CommitPoint
from oadb.engine.pool.connection_pool import Pool, PoolStats
from oadb.engine.reads.read_stats import ReadStats
from oadb.engine.transactions import AsyncTransaction
from tests.support import pool_probes as probes
from tests.support.kept import NAME, connected

T = TypeVar("T")


class Loop:
    """An event loop in its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop")
        self._thread.start()

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Await *work* on the loop; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        self.wait_for(self._loop.shutdown_asyncgens())
        self.wait_for(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Awaited(Executor):
    """The calls that a database and a transaction share."""

    def __init__(self, inner: Any, loop: Loop) -> None:
        self.inner = inner
        self.loop = loop
        self.takes_reads_only = inner.takes_reads_only

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        return self.loop.wait_for(self.inner._run(query, params))

    def _stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        rows: AsyncGenerator[Any, None] = self.inner._stream(query, params)
        try:
            while some := self.loop.wait_for(_take(rows, 100)):
                yield from some
        finally:
            self.loop.wait_for(rows.aclose())

    def _operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        return self.loop.wait_for(work(self.inner))

    def transaction(self) -> Any:
        return self._entered(self.inner.transaction())

    @contextmanager
    def _entered(self, transaction: AsyncTransaction) -> Generator["OnLoopTransaction"]:
        tx = OnLoopTransaction(self.loop.wait_for(transaction.__aenter__()), self.loop)
        try:
            yield tx
        except BaseException as error:
            leave = transaction.__aexit__(type(error), error, error.__traceback__)
            self.loop.wait_for(leave)
            raise
        self.loop.wait_for(transaction.__aexit__(None, None, None))


class OnLoopTransaction(_Awaited):
    """An AsyncTransaction with the interface of a Transaction."""


class OnLoop(_Awaited):
    """An AsyncDatabase with the interface of a Database."""

    def __init__(self, config: Config, **options: Any) -> None:
        super().__init__(AsyncDatabase(config, **options), Loop())

    def open(self) -> None:
        self.loop.wait_for(self.inner.open())

    def close(self) -> None:
        self.loop.wait_for(self.inner.close())

    def within(self, seconds: float) -> _Awaited:
        return _Awaited(self.inner.within(seconds), self.loop)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        deadline: timedelta | None = None,
    ) -> Any:
        return self._entered(
            self.inner.transaction(isolation=isolation, read_only=read_only, deadline=deadline)
        )

    def transact(
        self,
        work: Callable[[Any], T],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        async def in_thread(tx: AsyncTransaction) -> T:
            return await asyncio.to_thread(work, OnLoopTransaction(tx, self.loop))

        return self.loop.wait_for(
            self.inner.transact(in_thread, isolation=isolation, read_only=read_only)
        )

    def stats(self) -> PoolStats:
        return cast("PoolStats", self.inner.stats())

    def reads(self, *, after: CommitPoint | None = None, own_writes: bool = True) -> "OnLoopReads":
        return OnLoopReads(self.inner.reads(after=after, own_writes=own_writes), self.loop)

    def committed(self) -> CommitPoint:
        return cast("CommitPoint", self.loop.wait_for(self.inner.committed()))

    def read_stats(self) -> ReadStats:
        return cast("ReadStats", self.inner.read_stats())


class OnLoopReads(_Awaited):
    """An AsyncReads with the interface of a Reads."""

    def within(self, seconds: float) -> _Awaited:
        return OnLoopReads(self.inner.within(seconds), self.loop)

    def transaction(self, *, isolation: Isolation | None = None) -> Any:
        return self._entered(self.inner.transaction(isolation=isolation))


Db = Database | OnLoop
Connect = Callable[..., Db]
MODES: dict[str, type[Database | OnLoop]] = {"sync": Database, "async": OnLoop}


@contextmanager
def connecting(mode: str, url: str) -> Generator[Connect]:
    """Give a function that makes databases, sync or async; all are closed at the end."""
    made: list[Db] = []

    def connect(url: str = url, **settings: Any) -> Db:
        db = MODES[mode](config(url, **settings))
        made.append(db)
        return db

    try:
        yield connect
    finally:
        for db in made:
            db.close()
            if isinstance(db, OnLoop):
                db.loop.stop()


def config(url: str, **settings: Any) -> Config:
    """Return the configuration for *url*; tests hold connections and look from others."""
    return Config(dsn=dsn.parse(url), **{"second_connection": "allow", **settings})


class Observer:
    """Looks at the server on a connection of its own, without the engine."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, question: str, *values: object) -> Any:
        """Return the first value of the answer, or None."""
        rows = self.rows(question, *values)
        return rows[0][0] if rows else None

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        with connected(self._url) as connection:
            cursor = connection.execute(question.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def backends(self, state: str = "%") -> list[int]:
        """Return the process ids of the other clients in this database.

        Other nodes of a Citus cluster, whose daemons come and go, are none.
        """
        rows = self.rows(
            "select pid from pg_stat_activity where datname = current_database() "
            "and application_name <> %s and state like %s and backend_type = 'client backend' "
            "and not starts_with(application_name, 'citus_')",
            NAME,
            state,
        )
        return [pid for (pid,) in rows]

    def keeps(self, count: int) -> list[int]:
        """Wait until *count* other clients are connected: one that left is seen a moment longer."""
        eventually(lambda: len(self.backends()) == count)
        return self.backends()

    def running(self, text: str) -> int:
        """Count the clients that are running a statement that contains *text*."""
        counted: int = self.ask(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name <> %s and state = 'active' and query like %s",
            NAME,
            f"%{text}%",
        )
        return counted

    def terminate(self, *pids: int) -> None:
        """End the sessions of other clients; without *pids*, of all in this database."""
        pids = pids or tuple(self.backends())
        self.rows("select pg_terminate_backend(pid) from unnest(%s::int[]) as pid", [*pids])
        for pid in pids:
            # It waits until the process is gone, and with it its socket: a session leaves
            # pg_stat_activity while its client could still send to it.
            ended = self.ask("select pg_terminate_backend(%s::int, 10000)", pid)
            assert ended or pid not in self.backends(), f"{pid} does not end"


def is_idle(db: Database | AsyncDatabase) -> bool:
    """Say whether no connection of *db* is in use."""
    return db.stats().leased == 0


def pool_of(db: Db) -> Pool:
    """Return the pool of *db*."""
    pool: Pool = (db._inner if isinstance(db, Database) else db.inner)._pool
    return pool


def idle_connections(db: Db) -> list[Any]:
    """Return the idle connections: of the idle stack and of psycopg_pool."""
    pool = pool_of(db)
    return [*pool._idle._idle, *pool._upkeep.pool._pool]


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until *condition* is true; fail if it is not within *seconds*."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"the condition is not true after {seconds} s"
        sleep(0.005)


@contextmanager
def threads(count: int) -> Generator[ThreadPoolExecutor]:
    """Give threads to submit calls to; all calls have ended when the block ends."""
    with ThreadPoolExecutor(count) as pool:
        yield pool


def reset(url: str) -> None:
    """Make a database again what ``create_tables`` makes of an empty one."""
    observer = Observer(url)
    observer.terminate()
    name = observer.ask("select quote_ident(current_database())")
    observer.rows(f"alter database {name} reset all")
    observer.rows("drop schema public cascade")
    observer.rows("create schema public")
    observer.rows(probes.TABLES)


def create_tables(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(probes.TABLES.encode())


async def _take(rows: AsyncGenerator[T, None], most: int) -> list[T]:
    """Await several rows at a time: single ones would switch threads too often."""
    taken: list[T] = []
    async for row in rows:
        taken.append(row)
        if len(taken) == most:
            break
    return taken
