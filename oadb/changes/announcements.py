"""Announcements: a row for each change of a row that other processes may have cached.

It is written in the transaction of the change. ChangeFeed and LiveCache read such rows, in the
order in which they become visible. A notification without content follows the commit as a hint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, ParamSpec, TypeVar

from oadb.engine.binding.later import send_later
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted

P = ParamSpec("P")
R = TypeVar("R")
Count = TypeVar("Count", bound=int)

__all__ = ["CHANNEL", "Change", "ChangedTable"]

query = queries(__name__)

CHANNEL = "oadb_changes"
"""The channel of hints: notifications without content, which say that something changed."""

ChangedTable = Literal[
    "api_keys",
    "broker_tokens",
    "pending_orders",
    "second_factors",
    "security_settings",
    "sessions",
    "settings",
    "smtp_settings",
    "strategies",
    "trading_mode",
    "users",
]
"""A table whose changes are announced."""


@dataclass(frozen=True, slots=True)
class Change:
    """A changed row, or all changed rows of a user in a table.

    ``user_id`` is None if the row belongs to no user: a group of settings of the application, whose
    table has one row.

    ``key`` is the primary key without user_id: the id of an API key, the name of a broker. It is
    empty for all rows of the user: sessions that ended together, or, in the table users, everything
    of a user who was changed or deleted.
    """

    table: ChangedTable
    user_id: int | None
    key: str


@query
def _record(table: str, user_id: int | None, key: str) -> Affected: ...


@query
def _note(batch: int) -> Affected: ...


@query
def _delete_expired(batch: int) -> Affected: ...


query.complete()


async def write(
    db: AsyncExecutor,
    change: Change,
    statement: Query[P, Count],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> int:
    """Run *statement* and announce its change in the same transaction.

    The name of such a statement begins with an underscore: run by itself, no other process
    would learn of the change.

    Args:
        statement: a query that returns the number of rows it wrote.

    Returns:
        The number of rows that *statement* wrote; if it is 0, nothing is announced.
    """

    @transacted
    async def work(tx: AsyncExecutor) -> int:
        changed = await statement(tx, *args, **kwargs)
        await announce(tx, changed, change)
        return changed

    return await work(db)


async def create(
    db: AsyncExecutor,
    change_of: Callable[[R], Change],
    statement: Query[P, R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run *statement* and announce the row that it created, in the same transaction.

    Args:
        change_of: returns the change to announce, of the result of *statement*.

    Returns:
        The result of *statement*.
    """

    @transacted
    async def work(tx: AsyncExecutor) -> R:
        created = await statement(tx, *args, **kwargs)
        await announce(tx, 1, change_of(created))
        return created

    return await work(db)


async def announce(tx: AsyncExecutor, changed: int, change: Change) -> None:
    """Record *change* with the end of this transaction, unless *changed*, a number, is 0."""
    if changed:
        await send_later(tx, _record, change.table, change.user_id, change.key)
        tx.hint(CHANNEL)


@operation
async def delete_expired(db: AsyncExecutor, *, batch: int = 1000) -> int:
    """Delete changes that were visible for an hour, and begin that hour for new ones.

    ``oadb maintain`` calls it. Who has read nothing for half an hour is told to clear everything.

    Args:
        batch: how many at most.

    Returns:
        The number of deleted changes.
    """
    while await _note(db, batch) == batch:
        pass
    return await _delete_expired(db, batch)
