"""The time of the first call after a restart of the server, with idle connections."""

import logging
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from itertools import count

import psycopg
import psycopg_pool

from oadb import Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.testing.control import ServerControl, controlled
from oadb.tools.migrations.runner import migrate
from tests.benchmarks.conditions import config, table

CONNECTIONS = 40
_GIVE_UP = 35.0
_SQL = "select user_id from oadb.users where user_id = 1"

Call = Callable[[], object]


def main() -> None:
    # The pool logs a warning for every broken connection.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    print(f"\n## First call after a restart, with {CONNECTIONS} idle connections\n")
    print("From the moment at which the server takes connections again to the first answer.")
    with controlled() as server:
        migrate(dsn.parse(server.url))
        table(["pool", "restart", "ms", "calls that failed before"], _rows(server))


def _rows(server: ServerControl) -> Iterable[list[str]]:
    for name, opened in _POOLS.items():
        for mode in ("fast", "immediate"):
            with opened(server.url) as call:
                server.restart(mode)
                yield [name, mode, *_first_answer(call)]


def _first_answer(call: Call) -> list[str]:
    """Call until a call succeeds; return the milliseconds and the number of failed calls."""
    started = time.perf_counter()
    for failed in count():
        try:
            call()
        except psycopg.OperationalError:
            pass
        else:
            return [f"{_since(started) * 1000:.1f}", str(failed)]
        if _since(started) > _GIVE_UP:
            return [f"none in {_GIVE_UP:g} s, stopped", str(failed + 1)]
    raise AssertionError


def _since(started: float) -> float:
    return time.perf_counter() - started


@contextmanager
def _oadb(url: str) -> Generator[Call]:
    with Database(config(url, pool_size=CONNECTIONS)) as db:
        _wait(lambda: db.stats().idle == CONNECTIONS)
        yield lambda: users.get(db, 1)


@contextmanager
def _checked(url: str) -> Generator[Call]:
    with _pool(url, psycopg_pool.ConnectionPool.check_connection) as call:
        yield call


@contextmanager
def _unchecked(url: str) -> Generator[Call]:
    with _pool(url, None) as call:
        yield call


@contextmanager
def _pool(url: str, check: Callable[[psycopg.Connection], None] | None) -> Generator[Call]:
    with psycopg_pool.ConnectionPool(
        url, min_size=CONNECTIONS, check=check, timeout=_GIVE_UP, kwargs={"autocommit": True}
    ) as pool:
        pool.wait()

        def call() -> object:
            with pool.connection() as connection:
                return connection.execute(_SQL).fetchone()

        yield call


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


_POOLS = {
    "oadb": _oadb,
    "psycopg, check=check_connection": _checked,
    "psycopg, no check": _unchecked,
}
