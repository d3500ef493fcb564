"""What plans name: the tables and indexes that partitions belong to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class PlannedPartition:
    """A partition of a table (``schema.name``) or index (``name``), and what it is part of."""

    name: str
    owner_name: str


@dataclass(frozen=True, slots=True)
class CountedTable:
    """A table, as ``schema.name``, and its rows; of a partition, what is partitioned as well."""

    name: str
    owner_name: str | None
    rows: float


@query
def _list_partitions() -> list[PlannedPartition]: ...


@dataclass(frozen=True, slots=True)
class IndexKey:
    """An index, its table, as ``schema.name``, and its columns; '' is an expression."""

    name: str
    table_name: str
    columns: list[str]


@query
def _list_tables() -> list[CountedTable]: ...


@query
def _list_keys(names: list[str]) -> list[IndexKey]: ...


query.complete()


def keys(db: Runner, names: Sequence[str]) -> list[IndexKey]:
    """Return what the indexes of some names are on; those that are not there are left out."""
    return _list_keys(db, [*names])


def owners(db: Runner) -> dict[str, str]:
    """Return of each partition what is partitioned: of tables ``schema.name``, of indexes ``name``.

    Raises:
        UnavailableError: no connection to the server.
    """
    return {each.name: each.owner_name for each in _list_partitions(db)}


@dataclass(frozen=True, slots=True)
class TableCounts:
    """How many rows and partitions tables have, by ``schema.name``.

    Attributes:
        rows: Of tables, of partitions, and of what is partitioned.
        partitions: Of what is partitioned.
    """

    rows: Mapping[str, float]
    partitions: Mapping[str, int]


def counts(db: Runner) -> TableCounts:
    """Return how large tables are, as statistics say.

    Raises:
        UnavailableError: no connection to the server.
    """
    rows: dict[str, float] = defaultdict(float)
    partitions: dict[str, int] = defaultdict(int)
    for each in _list_tables(db):
        rows[each.name] = each.rows
        if each.owner_name is not None:
            rows[each.owner_name] += each.rows
            partitions[each.owner_name] += 1
    return TableCounts(rows, partitions)
