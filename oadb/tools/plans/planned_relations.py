"""What plans name: the tables and indexes that partitions belong to."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class PlannedPartition:
    """A partition of a table (``schema.name``) or index (``name``), and what it is part of."""

    name: str
    owner_name: str


@query
def _list_partitions() -> list[PlannedPartition]: ...


query.complete()


def owners(db: Runner) -> dict[str, str]:
    """Return of each partition what is partitioned: of tables ``schema.name``, of indexes ``name``.

    Raises:
        UnavailableError: no connection to the server.
    """
    return {each.name: each.owner_name for each in _list_partitions(db)}
