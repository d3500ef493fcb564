"""Changes: what other processes may have cached.

with db.listen(announcements.CHANNEL) as events:
    for event in events:
        if isinstance(event, Listening):
            cache.clear()                      # connected (again): what is cached may be stale
        else:
            change = announcements.read(event.payload)
            cache.drop(change.table, change.user_id, change.key)    # no key: all of that user,
                                                                    # no user: the application's
"""

import json
from dataclasses import asdict, dataclass
from typing import ParamSpec, TypeVar

from oadb.engine.binding.queries import Query, queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError

P = ParamSpec("P")
Count = TypeVar("Count", bound=int)

query = queries(__name__)

CHANNEL = "oadb_changes"


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a user, or of the application, that is no longer what it was.

    ``user_id`` is None where it is nobody's: a group of settings of the application, whose table
    has one row.

    ``key`` is what follows user_id in the primary key: the id of an API key, the name of a broker.
    It is empty where it is all of them: sessions that ended together, and the table users, for a
    user who was deleted with everything that was theirs.
    """

    table: str
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
    """Run *statement* and announce in the same transaction what it changed; return how much.

    It returns that number itself, or is one that counts the rows which it wrote.

    Such a statement has a name with an underscore: run by itself, no listener would hear of it.
    """
    async with db.transaction() as tx:
        changed = await statement(tx, *args, **kwargs)
        await announce(tx, changed, change)
    return changed


async def announce(tx: AsyncExecutor, changed: int, change: Change) -> None:
    """Tell every listener once the transaction commits, if any row *changed*."""
    if changed:
        await notify(tx, CHANNEL, json.dumps(asdict(change)))


def read(payload: str) -> Change:
    """Return the change that a notification on CHANNEL tells of.

    Raises ParameterError for what is none: whoever can connect can notify.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):  # whose texts would quote it
        told = None
    match told:
        case {"table": str(table), "user_id": int() | None as user_id, "key": str(key)} if len(
            told
        ) == 3 and not isinstance(user_id, bool):
            return Change(table, user_id, key)
        case _:
            raise ParameterError(f"announcements.read: payload is no change as {CHANNEL} has them")
