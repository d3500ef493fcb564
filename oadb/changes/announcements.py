"""Announcements: notifications of changed rows, which other processes may have cached.

with db.listen(announcements.CHANNEL) as events:
    for event in events:
        if isinstance(event, Listening):
            cache.clear()                      # connected (again): the cache may be stale
        else:
            change = announcements.parse(event.payload)   # ParameterError: sent by somebody else
            cache.drop(change.table, change.user_id, change.key)    # no key: all of that user,
                                                                    # no user: the application's
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, ParamSpec, TypeVar, cast, get_args

from oadb.engine.binding.queries import Query, queries
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError

P = ParamSpec("P")
R = TypeVar("R")
Count = TypeVar("Count", bound=int)

__all__ = ["CHANNEL", "Change", "ChangedTable", "parse"]

query = queries(__name__)

CHANNEL = "oadb_changes"
"""The channel on which changes are announced."""

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
def notify(channel: str, payload: str) -> int: ...


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

    The name of such a statement begins with an underscore: run by itself, no listener would learn
    of the change.

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
    """Notify every listener when the transaction commits, unless *changed*, a number, is 0."""
    if changed:
        await notify(tx, CHANNEL, json.dumps(asdict(change)))


def parse(payload: str) -> Change:
    """Return the change that a notification on CHANNEL announces.

    Raises:
        ParameterError: an invalid payload; any client of the database can send one.
    """
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):  # their texts would quote the payload
        found = None
    match found:
        case {"table": str(table), "user_id": int() | None as user_id, "key": str(key)} if (
            len(found) == 3 and not isinstance(user_id, bool) and table in get_args(ChangedTable)
        ):
            return Change(cast("ChangedTable", table), user_id, key)
        case _:
            raise ParameterError(
                f"announcements.parse: payload is not a change, as sent on {CHANNEL}"
            )
