"""The stack of idle connections, which threads use without a lock."""

from collections import deque
from typing import Any

from oadb.engine.driver import BlockingDriver
from oadb.engine.pool.holders import Holders
from oadb.engine.pool.idle_stack import IdleStack
from oadb.engine.pool.leases import Leases


class Contended(list[Any]):
    """A list whose last item another thread takes after each look at its length."""

    def __len__(self) -> int:
        length = super().__len__()
        if length:
            super().pop()
        return length


def test_draining_ends_although_another_thread_takes_the_last_connection() -> None:
    stack = IdleStack(Leases(Holders(BlockingDriver(), "allow")))
    stack._idle = Contended(["one", "two"])

    assert [*stack.drain()] == ["two", "one"]


class Leaving(deque[Any]):
    """Callers, the last of whom leaves after each look whether there are any."""

    def popleft(self) -> Any:
        self.clear()
        return super().popleft()


def test_a_connection_stays_idle_if_the_caller_that_would_get_it_has_left() -> None:
    stack = IdleStack(Leases(Holders(BlockingDriver(), "allow")))
    stack._idle, stack._callers = ["one"], Leaving(["a caller"])
    stack._match()

    assert stack._idle == ["one"]
