"""More callers than connections: who keeps a connection, for how long, and who gets it then."""

import asyncio
import math
from collections.abc import Callable
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from oadb import AsyncDatabase, Config
from oadb.engine import dsn
from oadb.engine.driver import AsyncioDriver, BlockingDriver, drive
from oadb.engine.pool import idle_stack
from oadb.engine.pool.holders import Holders
from oadb.engine.pool.idle_stack import IdleStack
from oadb.engine.pool.leases import Leases
from oadb.engine.pool.waiters import Waiter, WaitingTask, WaitingThread
from tests.support import pool_probes as probes
from tests.support.rig import Connect, eventually, threads


class Connection:
    """Stands in for one, which nobody has waited for yet."""

    def __init__(self) -> None:
        self.state = SimpleNamespace(given=-math.inf, limit=math.inf)


@pytest.fixture
def stack() -> IdleStack:
    return IdleStack(Leases(Holders(BlockingDriver(), "allow")))


@pytest.fixture
def waiting(stack: IdleStack) -> Callable[[], WaitingThread]:
    """Queue a caller, and return it."""

    def enqueue() -> WaitingThread:
        waiter = WaitingThread()
        stack.enqueue(waiter, "a call")
        return waiter

    return enqueue


@pytest.fixture
def in_turn(
    stack: IdleStack, waiting: Callable[[], WaitingThread], monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """Give a connection that a caller has just waited for, and whose turn does not end."""
    monkeypatch.setattr(idle_stack, "TURN", math.inf)
    connection = Connection()
    first = waiting()
    connection.state.given = monotonic()
    stack.push(connection)
    stack.look(first, None)
    assert given_to(first) is connection
    return connection


def given_to(waiter: Waiter) -> object:
    return drive(waiter.wait(0))


def test_within_its_turn_a_connection_serves_who_comes_at_once(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    waiter = waiting()
    stack.push(in_turn)

    assert stack.pop() is in_turn
    assert given_to(waiter) is None


def test_after_its_turn_a_connection_goes_to_who_waits_longest(
    stack: IdleStack, waiting: Callable[[], WaitingThread]
) -> None:
    first, second, connection = waiting(), waiting(), Connection()
    connection.state.given = monotonic() - 0.0051  # as docs/reliability.md says: 5 ms
    stack.push(connection)

    assert stack.pop() is None
    assert (given_to(first), given_to(second)) == (connection, None)


def test_a_turn_begins_when_a_caller_that_waited_is_served(
    stack: IdleStack, waiting: Callable[[], WaitingThread]
) -> None:
    connection, before = Connection(), monotonic()
    waiting()
    stack.push(connection)

    assert before <= connection.state.given <= monotonic()


def test_a_connection_that_is_not_taken_again_goes_to_who_waits_longest(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    first, second = waiting(), waiting()
    stack.push(in_turn)
    assert given_to(first) is None, "it is only woken"
    stack.look(first, None)

    assert (given_to(first), given_to(second)) == (in_turn, None)


def test_a_scout_that_found_nothing_looks_again_soon(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    first, second = waiting(), waiting()
    stack.push(in_turn)
    assert stack.pop() is in_turn
    stack.look(first, None)
    stack.push(in_turn)

    assert stack.interval(first, 60.0) < 0.001
    assert stack.interval(second, 60.0) == 60.0
    stack.look(first, None)
    assert given_to(first) is in_turn


def test_when_a_scout_is_served_the_next_caller_looks(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    first, second, other = waiting(), waiting(), Connection()
    stack.push(in_turn)
    assert stack.pop() is in_turn
    stack.push(in_turn)
    stack.push(other)
    for waiter in (first, second):
        stack.look(waiter, given_to(waiter))

    assert {given_to(first), given_to(second)} == {in_turn, other}, "two are not kept"
    third = waiting()
    stack.push(in_turn)
    stack.look(third, None)
    assert given_to(third) is in_turn


def test_a_scout_that_gives_up_leaves_the_connection_to_the_next(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    first, second = waiting(), waiting()
    stack.push(in_turn)
    stack.leave(first, "a call")

    assert (first.withdraw(), given_to(second)) == (None, in_turn)


def test_a_scout_that_was_served_meanwhile_is_not_waited_for(
    stack: IdleStack, waiting: Callable[[], WaitingThread], in_turn: Connection
) -> None:
    class Emptied(list[Any]):
        """The queue, whose first caller another thread serves after the first look at it."""

        def __getitem__(self, place: Any) -> Any:
            return self.pop(0)

    waiter = waiting()
    vars(stack)["_callers"] = Emptied([(waiter, "a call")])
    stack.push(in_turn)

    assert stack.interval(waiter, 60.0) == 60.0


def test_a_caller_that_gives_up_takes_what_it_is_just_being_given() -> None:
    waiter, connection = WaitingThread(), Connection()
    waiter._place.clear()  # a thread is about to give it one
    waiter.wake(lambda: None)
    with threads(1) as pool:
        withdrawn = pool.submit(waiter.withdraw)
        eventually(lambda: not waiter._given.acquire(blocking=False))
        waiter._connection = connection
        waiter._given.release()

        assert withdrawn.result() is connection


async def test_a_task_that_goes_on_at_once_is_served_before_one_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idle_stack, "TURN", math.inf)
    stack = IdleStack(Leases(Holders(AsyncioDriver(), "allow")))
    waiter, connection = WaitingTask(), Connection()
    stack.enqueue(waiter, "a call")
    stack.push(connection)
    assert stack.pop() is connection
    await asyncio.sleep(0)
    assert await waiter.wait(0) is None
    stack.push(connection)
    await asyncio.sleep(0)

    assert await waiter.wait(0) is connection


_CALLS = 20


async def test_tasks_of_a_crowd_do_not_wait_before_each_of_their_calls(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_stack, "TURN", math.inf)
    waits: list[str] = []
    enqueue = IdleStack.enqueue

    def counted(stack: IdleStack, waiter: Waiter, label: str, *, first: bool = False) -> None:
        waits.append(label)
        enqueue(stack, waiter, label, first=first)

    monkeypatch.setattr(IdleStack, "enqueue", counted)
    async with AsyncDatabase(Config(dsn.parse(url), pool_size=2, max_overflow=0)) as db:

        async def calls() -> None:
            for _ in range(_CALLS):
                await probes.one(db)

        await asyncio.gather(*(calls() for _ in range(16)))

    assert len(waits) < 40


def test_threads_of_a_crowd_are_all_served(connect: Connect) -> None:
    db = connect(pool_size=2, max_overflow=0)

    def calls(_: int) -> int:
        return sum(probes.one(db) for _ in range(_CALLS))

    with threads(16) as pool:
        assert [*pool.map(calls, range(16))] == [_CALLS] * 16
    assert (db.stats().waiting, db.stats().leased) == (0, 0)
