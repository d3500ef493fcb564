"""How many rows need each root key, for a rotation.

A key is counted by a statement of its own: a cluster asks no table of shards for each key.
"""

from dataclasses import dataclass

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """The number of rows of a table that need a key."""

    table_name: str
    key_id: int
    uses: int


@query
def _list_key_ids() -> list[int]: ...


@query
def _count_uses(key_id: int) -> list[Use]: ...


query.complete()


@operation
async def list_uses(db: AsyncExecutor) -> list[Use]:
    """Count the rows of each table that need each key of the database, a million at most.

    Returns:
        By key and table; nothing for a table without such rows.
    """
    counted = [await _count_uses(db, key_id) for key_id in await _list_key_ids(db)]
    return [use for uses in counted for use in uses]
