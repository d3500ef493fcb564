"""Threads and tasks that hold a connection, and ask the Database for a second one.

If all callers of a service do so at the same time, each holds a connection that the others wait
for, until DB_POOL_TIMEOUT. So a caller that does is told, once for each place in the code, or
refused.
"""

import warnings
import weakref
from collections.abc import Callable
from typing import Any, Literal, Protocol

from oadb.engine.pool.callers import Callers, CallingFrame, asked_by, begun_by, is_still_in
from oadb.errors import SecondConnectionError, SecondConnectionWarning

SecondConnection = Literal["warn", "error", "allow"]

TRANSACTION = "a transaction"
"""What a transaction is called in messages about its connection."""


class Caller(Protocol):
    """What tells callers apart: a Driver."""

    def owner(self) -> object:
        """Return what tells the calling thread or task from others; None: nothing does."""
        ...

    @property
    def home(self) -> Callable[[], object] | None:
        """Returns the running event loop; None for threads."""
        ...


class Hold(weakref.ref[object]):
    """A connection that a thread or task holds: a reference to what it holds it by.

    Its callback notices that this was garbage collected. A finalizer of weakref, and an object for
    each of its facts, would do the same at several times the cost.

    Attributes:
        lease: As in the table of the leases.
        origin: Where it began.
        owner: The thread or task; None: nobody is told.
    """

    __slots__ = ("connection", "lease", "origin", "owner")

    connection: Any
    lease: tuple[str, float, float]
    origin: Callers
    owner: object

    @property
    def label(self) -> str:
        """What it is used for."""
        return self.lease[0]

    @property
    def advice(self) -> str:
        """What to do instead of asking for another one."""
        if self.label.startswith("the stream"):
            return "read it and ask in one transaction"
        return "pass tx" if self.label == TRANSACTION else "return it first"


class Holders:
    """Who holds connections of a pool across calls: in transactions, streams, plain connections.

    Args:
        policy: what becomes of those that ask for a second one.
    """

    def __init__(self, driver: Caller, policy: SecondConnection) -> None:
        self._owner = driver.owner
        self._policy = policy
        self._tells = policy != "allow"
        # Of a pool of threads one may do other work before what it began has ended elsewhere.
        self._in_threads = driver.home is None
        # Empty if nobody is told.
        self.table: dict[object, tuple[Hold, ...]] = {}
        self._told: set[tuple[object, int]] = set()

    def begin(self, hold: Hold) -> None:
        """Note that the caller holds a connection."""
        hold.owner = owner = self._owner() if self._tells else None
        if owner is not None:
            self.table[owner] = (*self.table.get(owner, ()), hold)

    def end(self, hold: Hold) -> None:
        """Note that it is returned; from anywhere."""
        owner = hold.owner
        if owner is None:
            return
        held = self.table.get(owner, ())
        if len(held) > 1:
            self.table[owner] = tuple([each for each in held if each is not hold])
        elif held and held[0] is hold:
            self.table.pop(owner, None)

    def check(self, label: str) -> None:
        """Tell the caller, who wants a connection for *label*, if it holds one already.

        Raises:
            SecondConnectionError: DB_SECOND_CONNECTION is ``error``.
        """
        held = self.table.get(self._owner(), ())
        if self._in_threads:
            held = tuple(each for each in held if is_still_in(each.origin))
        if not held:
            return
        asked, text = asked_by(), self._text(label, held[-1])
        if self._policy == "error":
            raise SecondConnectionError(text)
        if (asked.code, asked.line) not in self._told:
            self._told.add((asked.code, asked.line))
            _warn(text, asked)

    def _text(self, label: str, hold: Hold) -> str:
        who = "thread" if self._in_threads else "task"
        begun = begun_by(hold.origin)
        return (
            f"{label}: this {who} already holds {hold.label} "
            f"(begun at {begun.code.co_filename}:{begun.line}): {hold.advice}. For second "
            "connections callers wait for each other; where one is meant, call db.outside()"
        )


def _warn(text: str, asked: CallingFrame) -> None:
    file = asked.code.co_filename
    warnings.warn_explicit(text, SecondConnectionWarning, file, asked.line)
