"""Changes: what other processes may have cached. The SQL is in sql/queries/changes.sql.

with db.listen(changes.CHANNEL) as events:
for event in events:
if isinstance(event, Listening):
cache.clear()                      # connected (again): what is cached may be stale
else:
change = changes.read(event.payload)
cache.pop((change.table, change.user_id, change.key), None)
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from oadb.engine.executors import AsyncExecutor
from oadb.engine.queries import queries

query = queries("changes")

CHANNEL = "oadb_changes"


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a user that is no longer what it was.

    ``key`` is what follows user_id in the primary key: the id of an API key, the name of a broker.
    """

    table: str
    user_id: int
    key: str


@query
def notify(channel: str, payload: str) -> int: ...


query.complete()


async def announce(tx: AsyncExecutor, changed: int, change: Change) -> bool:
    """Tell every listener once the transaction commits, if any row *changed*; say whether."""
    if changed:
        await notify(tx, CHANNEL, json.dumps(asdict(change)))
    return changed > 0


def read(payload: str) -> Change:
    """Return the change that a notification on CHANNEL tells of."""
    return Change(**cast("dict[str, Any]", json.loads(payload)))
