"""A service on gevent: greenlets that call one Database. Run by test_greenlets.py.

    python -m gevent.monkey --module tests.faults.greenlets URL

Everything is patched before anything else is imported, as gevent wants it.
"""

import os
import signal
import sys
from collections.abc import Callable
from time import monotonic

import gevent
import psycopg

from oadb.engine.database import Database
from oadb.engine.pool.note_writer import Note
from oadb.errors import OutcomeUnknownError, UnavailableError
from tests.support import pool_probes as probes
from tests.support.rig import config, eventually

_GREENLETS, _CONNECTIONS = 200, 4


class Clock:
    """A greenlet that ticks as long as no other one blocks the thread."""

    def __init__(self) -> None:
        self.longest, self._last = 0.0, monotonic()
        self._greenlet = gevent.spawn(self._tick)

    def _tick(self) -> None:
        while True:
            gevent.sleep(0.005)
            now = monotonic()
            self.longest, self._last = max(self.longest, now - self._last), now

    def stop(self) -> None:
        self._greenlet.kill()


def share_connections(url: str) -> None:
    """200 greenlets over 4 connections: all are served, and none blocks the others."""
    with Database(config(url, pool_size=2, max_overflow=2)) as db:
        assert probes.one(db) == 1
        clock, started = Clock(), monotonic()
        calls = [gevent.spawn(_call, db, number) for number in range(_GREENLETS)]
        gevent.joinall(calls, raise_error=True)
        clock.stop()
        assert [call.value for call in calls] == [*range(_GREENLETS)]
        assert db.stats().size == _CONNECTIONS, db.stats()
        eventually(lambda: db.stats().leased == 0)
        assert monotonic() - started > _GREENLETS / _CONNECTIONS * 0.02
        assert clock.longest < 0.5, clock.longest
        assert probes.count_all(db) == _GREENLETS


def _call(db: Database, number: int) -> int | None:
    probes.pause(db, 0.02)
    with db.transaction() as tx:
        probes.put(tx, number, "greenlet")
        gevent.sleep(0)
        return probes.echo(tx, number)


def keep_deadlines(url: str) -> None:
    """A session is stopped: the watchdog ends the wait for it, while other greenlets run."""
    settings = config(url, pool_size=1, max_overflow=0, call_deadline_seconds=0.5)
    with Database(settings) as db:
        _ends_at_the_deadline(db, lambda: probes.one(db), UnavailableError)
        _ends_at_the_deadline(db, lambda: probes.put(db, 1000, "sent"), OutcomeUnknownError)


def _ends_at_the_deadline(
    db: Database, call: Callable[[], object], expected: type[Exception]
) -> None:
    pid, clock, started = probes.backend(db), Clock(), monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        call()
    except expected:
        assert monotonic() - started < 1.5
    else:
        raise AssertionError("it was answered by a session that is stopped")
    finally:
        os.kill(pid, signal.SIGCONT)
        clock.stop()
    assert clock.longest < 0.5, clock.longest


def kill_callers(url: str) -> None:
    """Greenlets that are killed at any point leave the pool whole."""
    with Database(config(url, pool_size=2, max_overflow=0)) as db:
        for number in range(60):
            call = gevent.spawn(_call, db, 2000 + number)
            gevent.sleep(number % 13 / 1000)
            call.kill()
        eventually(lambda: db.stats().leased == 0)
        with db.transaction() as one, db.transaction() as other:
            assert probes.backend(one) != probes.backend(other)
        assert db.stats().size == 2, db.stats()


def survive_a_cut(url: str) -> None:
    """Sessions end: reads do not notice."""
    with Database(config(url, pool_size=2, max_overflow=0)) as db:
        assert probes.one(db) == 1
        with psycopg.connect(url, autocommit=True) as observer:
            observer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        assert [probes.one(db) for _ in range(5)] == [1] * 5


def write_notes(url: str) -> None:
    """Notes are written while a greenlet holds a lock, and block no other one."""
    with Database(config(url, pool_size=2, max_overflow=0)) as db, psycopg.connect(url) as other:
        other.execute("insert into public.probe (probe_id, note) values (3000, 'noted')")
        other.commit()
        other.execute("select from public.probe where probe_id = 3000 for update")
        db._inner._pool.notes.put(Note(probes.bump, (3000,), 3000))
        clock = Clock()
        gevent.sleep(0.1)
        assert (probes.one(db), db.stats().notes_queued) == (1, 1)
        other.rollback()
        eventually(lambda: db.stats().notes_queued == 0)
        clock.stop()
        assert clock.longest < 0.5, clock.longest
        assert probes.amount(db, 3000) == 1


def main() -> None:
    [_, url] = sys.argv
    for part in (share_connections, keep_deadlines, kill_callers, survive_a_cut, write_notes):
        part(url)
        print(part.__name__, flush=True)


if __name__ == "__main__":
    main()
