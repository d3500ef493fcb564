"""Callers that read and write a table meanwhile, and how long they wait for locks."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import sleep

import psycopg

_NAME = "caller"

# The server's own clock: a wait is as long as it was there, however busy this process is.
_WAITS = """
select coalesce(max(extract(epoch from clock_timestamp() - pg_locks.waitstart)), 0)::float8
from pg_locks
inner join pg_stat_activity using (pid)
where not pg_locks.granted and pg_stat_activity.application_name = %s
"""


class Waits:
    """The longest wait for a lock that was seen, in seconds, and how many calls were made."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.calls = 0


@contextmanager
def callers(conninfo: str, statements: Sequence[str]) -> Generator[Waits]:
    """Run each statement over and over, with a connection of its own, and watch for waits."""
    waits, ended = Waits(), Event()
    with ThreadPoolExecutor(len(statements) + 1) as threads:
        running = [threads.submit(_call, conninfo, each, waits, ended) for each in statements]
        running.append(threads.submit(_watch, conninfo, waits, ended))
        try:
            while waits.calls < len(statements) and not any(each.done() for each in running):
                sleep(0.01)
            yield waits
        finally:
            ended.set()
            for each in running:
                each.result()


def _call(conninfo: str, statement: str, waits: Waits, ended: Event) -> None:
    with psycopg.connect(conninfo, autocommit=True, application_name=_NAME) as connection:
        while not ended.is_set():
            connection.execute(statement.encode(), prepare=False)
            waits.calls += 1


def _watch(conninfo: str, waits: Waits, ended: Event) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not ended.is_set():
            ((seen,),) = connection.execute(_WAITS, (_NAME,)).fetchall()
            waits.longest = max(waits.longest, seen)
