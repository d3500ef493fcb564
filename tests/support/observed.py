"""What an observer hears, made by hand."""

from dataclasses import dataclass
from time import monotonic

from oadb.engine.observing import (
    StatementDone,
    StatementKind,
    TransactionBegun,
    TransactionDone,
)
from oadb.engine.pool.callers import CallingFrame


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was called."""

    observed_label: str
    kind: StatementKind = "read"
    source_place: str = "users.sql:12"


def statement(
    label: str = "users.get",
    *,
    kind: StatementKind = "read",
    seconds: float = 0.03,
    error: str | None = None,
    sqlstate: str | None = None,
    retries: int = 0,
    transaction: TransactionBegun | None = None,
) -> StatementDone:
    return StatementDone(
        query=Asked(label, kind),
        started=0.0,
        seconds=seconds,
        waiting_seconds=0.01,
        server_seconds=0.015,
        rows=2,
        error=error,
        sqlstate=sqlstate,
        retries=retries,
        transaction=transaction,
    )


def place_order() -> None:
    """Begin the transactions of tests: its code is their origin."""


def begun(*, retries: int = 0) -> TransactionBegun:
    return TransactionBegun(
        origin=[CallingFrame(place_order.__code__, 0, 0)],
        started=monotonic(),
        waiting_seconds=0.01,
        retries=retries,
    )


def transaction(
    begun_as: TransactionBegun | None = None, *, error: str | None = None, retries: int = 0
) -> TransactionDone:
    return TransactionDone(
        begun=begun_as or begun(retries=retries),
        seconds=0.2,
        outcome="rolled back" if error else "committed",
        statements=3,
        error=error,
        sqlstate=None,
    )
