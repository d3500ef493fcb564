"""Callers of the simulation: what they do with a database, and what became of it.

Each kind is a coroutine over an AsyncDatabase. A task awaits it, or a thread drives it to its end
over the blocking driver, as a Database does.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any, Protocol

from psycopg.errors import LockNotAvailable

from oadb.engine.database import AsyncDatabase
from oadb.engine.driver import drive
from oadb.errors import OutcomeUnknownError, UnavailableError
from tests.faults.cancellations import Interrupted, _endure, _throw
from tests.support import pool_probes as probes
from tests.support.rig import Loop

# The row that is counted up; the others are inserted, each once.
COUNTER = 1

DEADLINE = 0.4
POOL_TIMEOUT = 1.5
LOCK_TIMEOUT = 0.3


class Caller:
    """One use of a database, which may be interrupted at any point."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind, self.number = kind, number
        # What it writes, at once or not at all; and what it writes and undoes.
        self.rows: tuple[int, ...] = ()
        self.bumps = 0
        self.undone: tuple[int, ...] = ()
        # Of its writes, until their outcome is known.
        self.outcome = "unknown"
        self.may_go_on = False
        self.was_interrupted = False
        self.unexpected: BaseException | None = None
        self.started = monotonic()
        self.took = 0.0

    @property
    def bound(self) -> float:
        """Seconds after which it hangs, beyond the time that it was told to wait."""
        return _KINDS[self.kind][1]

    def __repr__(self) -> str:
        return f"{self.kind} {self.number}: {self.outcome} after {self.took:.2f} s"

    async def run(self, db: AsyncDatabase) -> None:
        """Do it, and note its outcome."""
        try:
            await _KINDS[self.kind][0](db, self)
        except (OutcomeUnknownError, Interrupted):
            pass
        except (UnavailableError, LockNotAvailable):
            self.outcome = "nothing changed"
        except Exception as error:  # noqa: BLE001  # it is looked at in the end
            if not self.was_interrupted:
                self.unexpected = error
        else:
            self.outcome = "acknowledged"
        finally:
            self.took = monotonic() - self.started

    async def is_told(self, db: AsyncDatabase) -> None:
        """Wait until it may go on; the time does not count."""
        since = monotonic()
        while not self.may_go_on:
            await db._driver.sleep(0.002)
        self.started += monotonic() - since


class Running(Protocol):
    """A caller at work, in a thread or a task."""

    caller: Caller

    def interrupt(self) -> None:
        """Throw an exception into it, or cancel it."""

    def ends_within(self, seconds: float) -> bool:
        """Wait for it; return whether it has ended."""
        ...


class Thread:
    """A caller in a thread."""

    def __init__(self, caller: Caller, db: AsyncDatabase) -> None:
        self.caller, self._db = caller, db
        self._lock, self._begun, self._ended = threading.Lock(), False, False
        work = Thread._work
        self._thread = threading.Thread(
            target=_endure, args=(lambda: _endure(lambda: work(self)),), name=repr(caller)
        )
        self._thread.start()

    def _work(self) -> None:
        if not self._begun:
            self._begun = True
            drive(self.caller.run(self._db))
        with self._lock:  # from here on nothing is thrown into it
            self._ended = True

    def interrupt(self) -> None:
        with self._lock:
            if not self._ended:
                self.caller.was_interrupted = True
                _throw(self._thread)

    def ends_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


class Task:
    """A caller in a task of the event loop *loop*."""

    def __init__(self, caller: Caller, db: AsyncDatabase, loop: Loop) -> None:
        self.caller, self._db, self._loop = caller, db, loop._loop
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = self._loop.create_task(self.caller.run(self._db))
        self._task.add_done_callback(lambda _: self._ended.set())

    def interrupt(self) -> None:
        self.caller.was_interrupted = True
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def ends_within(self, seconds: float) -> bool:
        return self._ended.wait(seconds)


# Kinds of callers -------------------------------------------------------------------------------


async def _read(db: AsyncDatabase, caller: Caller) -> None:
    assert await probes.echo(db, caller.number) == caller.number


async def _hurried_read(db: AsyncDatabase, caller: Caller) -> None:
    seconds = 0.02 * (caller.number % 10 + 1)
    assert await probes.pause(db.within(seconds), 0.1) == 1


async def _pause(db: AsyncDatabase, _: Caller) -> None:
    assert await probes.pause(db, 0.05) == 1


async def _put(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows = (10 * caller.number,)
    assert await probes.put(db, 10 * caller.number, "put") == 1


async def _put_slowly(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows = (10 * caller.number,)
    within = db.within(0.02 * (caller.number % 10 + 1))
    assert await probes.put_slowly(within, 10 * caller.number, 0.1) == 1


async def _bump(db: AsyncDatabase, caller: Caller) -> None:
    caller.bumps = 1
    await probes.bump(db, COUNTER)


async def _transact(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows, caller.bumps = (10 * caller.number, 10 * caller.number + 1), 1

    async def work(tx: Any) -> None:
        for row in caller.rows:
            await probes.put(tx, row, "transact")
        await probes.bump(tx, COUNTER)

    await db.transact(work)


async def _hold(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows = (10 * caller.number, 10 * caller.number + 1)
    async with db.transaction() as tx:
        await probes.put(tx, caller.rows[0], "held")
        await caller.is_told(db)
        await probes.put(tx, caller.rows[1], "held")


async def _nest(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows = (10 * caller.number, 10 * caller.number + 1)
    caller.undone = (10 * caller.number + 2,)
    async with db.transaction() as tx:
        await probes.put(tx, caller.rows[0], "outer")
        with suppress(ValueError):
            await _nested_and_undone(tx, caller.undone[0])
        await probes.put(tx, caller.rows[1], "outer")


async def _nested_and_undone(tx: Any, row: int) -> None:
    async with tx.transaction() as nested:
        await probes.put(nested, row, "undone")
        await probes.pause(nested, 0.02)
        raise ValueError("on purpose")


async def _stream(db: AsyncDatabase, caller: Caller) -> None:
    async with aclosing(probes.numbers(db, 6000)) as rows:
        async for number in rows:
            if number == 2500 and not caller.number % 2:
                await caller.is_told(db)
            if number == 4500 and not caller.number % 3:
                break


async def _load(db: AsyncDatabase, caller: Caller) -> None:
    caller.rows = tuple(range(10 * caller.number, 10 * caller.number + 5))
    await probes.load(db, [(row, "x" * 20_000) for row in caller.rows])


async def _abandon(db: AsyncDatabase, caller: Caller) -> None:
    """Leave a transaction open in a reference cycle: it must be rolled back."""
    caller.undone = (10 * caller.number,)
    transaction = db.transaction()
    holder: list[object] = [transaction]
    holder.append(holder)
    await probes.put(await transaction.__aenter__(), caller.undone[0], "abandoned")


# What a caller may wait: for a connection, and for the answer to each statement. What may be
# repeated begins again for 5 s.
_ONE = POOL_TIMEOUT + DEADLINE
_AGAIN = 5.0 + _ONE

_KINDS: dict[str, tuple[Callable[[AsyncDatabase, Caller], Awaitable[None]], float]] = {
    "read": (_read, _AGAIN + _ONE),
    "hurried read": (_hurried_read, 0.2),
    "pause": (_pause, _AGAIN + _ONE),
    "put": (_put, _AGAIN + _ONE),
    "put slowly": (_put_slowly, 0.2),
    "bump": (_bump, _AGAIN + _ONE),
    "transact": (_transact, _AGAIN + _ONE + 5 * DEADLINE),
    "hold": (_hold, _ONE + 3 * DEADLINE),
    "nest": (_nest, _ONE + 7 * DEADLINE),
    "stream": (_stream, _ONE + 7 * DEADLINE),
    "load": (_load, _ONE + 3 * DEADLINE),
    "abandon": (_abandon, _ONE + 2 * DEADLINE),
}
KINDS = [*_KINDS]
