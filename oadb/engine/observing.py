"""Observers: what a Database, and writers over it, tell metrics, traces and logs of their work.

    class Slow(Observer):
        def statement(self, done: StatementDone) -> None:
            if done.seconds > 0.2:
                logger.warning("%s took %.3f s (%s)", done.label, done.seconds, done.place)

    db = Database.from_env(observer=Slow())

Everything is told after the fact; of a transaction, that it has begun as well. What a caller waited
for, statements, transactions and waits, is told in the thread or task of this caller, so that its
context variables hold: a span that ends now and began ``seconds`` ago has the right parent. What
pools and writers do apart from callers is told in threads or tasks of their own.

No parameter and no row is ever told. An observer must be quick, must not wait, and must not ask the
Database. What it raises is logged once, and breaks no call.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from types import CodeType
from typing import Literal, NamedTuple, Protocol

from oadb.engine.pool.callers import Callers, operation_of

__all__ = [
    "ConnectionChange",
    "Observer",
    "RowsDropped",
    "RowsWritten",
    "StatementDone",
    "TransactionBegun",
    "TransactionDone",
    "WaitFailed",
    "WriteFailed",
]

StatementKind = Literal["read", "write", "stream", "copy", "batch"]

Outcome = Literal["committed", "rolled back", "unknown"]

WaitFailure = Literal["timed out", "refused", "unavailable"]


class ObservedQuery(Protocol):
    """What ran: a declared statement, or several that were sent together."""

    @property
    def observed_label(self) -> str:
        """Its name, such as ``users.find_by_email``; never with a value."""
        ...

    @property
    def kind(self) -> StatementKind:
        """How it runs."""
        ...

    @property
    def source_place(self) -> str:
        """File and line of its SQL."""
        ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TransactionBegun:
    """A transaction that has a connection: the same object is told with all that it does.

    It can be a key, also a weak one, for what an observer keeps of a transaction.

    Attributes:
        origin: The frames of the call that began it, the innermost first.
        started: When it entered its block; of the monotonic clock (time.monotonic).
        waiting_seconds: For a connection.
        retries: Attempts of ``transact`` before this one.
    """

    origin: Callers
    started: float
    waiting_seconds: float
    retries: int

    @property
    def label(self) -> str:
        """The function that began it, such as ``orders.place``: module file and name.

        Of what an operation of oadb began, the operation, such as ``users.create``.
        """
        return _name_of(operation_of(self.origin).code)

    @property
    def place(self) -> str:
        """File and line where it was begun."""
        begun = operation_of(self.origin)
        return f"{begun.code.co_filename}:{begun.line}"


@lru_cache(1000)
def _name_of(code: CodeType) -> str:
    return f"{PurePath(code.co_filename).stem}.{code.co_qualname}"


class StatementDone(NamedTuple):
    """A call of a declared statement that has ended, well or not. A tuple, as each call makes one.

    Attributes:
        started: Of the monotonic clock (time.monotonic).
        seconds: All of it, from the call to its result or error.
        waiting_seconds: For a connection, with pauses between attempts; 0 in a transaction, which
            has one.
        server_seconds: From having a connection to the last answer of the server.
        rows: Returned, or else written.
        error: The name of the class of the error that it raised; None: it returned.
        sqlstate: Of an error that the server reported.
        retries: Attempts before the one that ended it.
        transaction: That it ran in; None: in none, or in one that the server made for it.
    """

    query: ObservedQuery
    started: float
    seconds: float
    waiting_seconds: float
    server_seconds: float
    rows: int
    error: str | None
    sqlstate: str | None
    retries: int
    transaction: TransactionBegun | None

    @property
    def label(self) -> str:
        """The name of the query, such as ``users.find_by_email``: one of a bounded number.

        Of calls that were sent together it is ``a batch``, or that of the query with ``.many``.
        """
        return self.query.observed_label

    @property
    def kind(self) -> StatementKind:
        """How it ran."""
        return self.query.kind

    @property
    def place(self) -> str:
        """File and line of its SQL; empty for a batch."""
        return self.query.source_place

    @property
    def in_transaction(self) -> bool:
        """Whether it ran in a transaction of the program."""
        return self.transaction is not None

    @property
    def making_seconds(self) -> float:
        """The rest: making rows."""
        return max(self.seconds - self.waiting_seconds - self.server_seconds, 0.0)


class TransactionDone(NamedTuple):
    """A transaction that has ended; nested ones are part of it. A tuple, as StatementDone.

    Attributes:
        begun: As it was told when it had begun.
        seconds: From entering its block, and waiting for a connection, to its end.
        outcome: Unknown if the answer to COMMIT was lost.
        statements: How many ran in it; a batch counts as one.
        error: The name of the class of the error that its block, or COMMIT, raised.
        sqlstate: Of an error that the server reported.
    """

    begun: TransactionBegun
    seconds: float
    outcome: Outcome
    statements: int
    error: str | None
    sqlstate: str | None

    @property
    def label(self) -> str:
        """The function that began it, such as ``orders.place``: module file and name."""
        return self.begun.label

    @property
    def place(self) -> str:
        """File and line where it was begun."""
        return self.begun.place

    @property
    def waiting_seconds(self) -> float:
        """How long it waited for a connection."""
        return self.begun.waiting_seconds

    @property
    def retries(self) -> int:
        """Attempts of ``transact`` before this one."""
        return self.begun.retries


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A connection of a pool that was opened, closed, or closed to be replaced by another.

    Attributes:
        reason: Such as ``expired`` or ``lost``; one of a bounded number of words.
    """

    change: Literal["opened", "closed", "replaced"]
    reason: str


@dataclass(frozen=True, slots=True)
class WaitFailed:
    """A caller that got no connection.

    Attributes:
        label: What it wanted to run.
        seconds: How long it waited.
        reason: ``timed out``: none became free; ``refused``: too many callers wait already;
            ``unavailable``: the server cannot be reached, or the Database is closed.
        waiting: Callers that wait now.
    """

    label: str
    seconds: float
    reason: WaitFailure
    waiting: int


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """A batch of rows that a writer, such as a LogWriter, has committed.

    Attributes:
        writer: The table, such as ``traffic``; of a note, its statement.
        rows: Of the batch; *rejected* of them were refused, and parked.
        seconds: From the first attempt.
        retries: Attempts that failed before.
        queued: Rows that are still queued.
    """

    writer: str
    rows: int
    rejected: int
    seconds: float
    retries: int
    queued: int


@dataclass(frozen=True, slots=True)
class RowsDropped:
    """Rows that a writer did not take: its queue was full, or it is closed."""

    writer: str
    rows: int


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """An attempt of a writer that failed; its rows are kept, and tried again.

    Attributes:
        error: The name of the class of the error.
        sqlstate: Of an error that the server reported.
        queued: Rows that are queued, with those of the batch.
    """

    writer: str
    error: str
    sqlstate: str | None
    queued: int


class Observer:
    """Hears what was done; each method does nothing until it is overridden."""

    def statement(self, done: StatementDone) -> None:
        """Hear of a call of a declared statement, in the thread or task of its caller."""

    def transaction_begun(self, begun: TransactionBegun) -> None:
        """Hear of a transaction that has got a connection, in the thread or task that began it."""

    def transaction(self, done: TransactionDone) -> None:
        """Hear of a transaction that has ended, in the thread or task that ended it."""

    def wait_failed(self, failed: WaitFailed) -> None:
        """Hear of a caller that got no connection, in its thread or task."""

    def connection(self, change: ConnectionChange) -> None:
        """Hear of a connection of the pool, in a thread or task of the pool."""

    def rows_written(self, written: RowsWritten) -> None:
        """Hear of a batch of a writer, in its thread."""

    def rows_dropped(self, dropped: RowsDropped) -> None:
        """Hear of rows that a writer did not take, in the thread or task that offered them."""

    def write_failed(self, failed: WriteFailed) -> None:
        """Hear of a failed attempt of a writer, in its thread."""
