"""What the catalog says of tables whose size is simulated."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner

_Found = TypeVar("_Found")

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table, a partitioned one, or a partition.

    Attributes:
        parent_id: the table it is a partition of.
        bound: of a partition, such as FOR VALUES FROM ('2026-01-01') TO ('2026-02-01').
        key_number: the first column of the partition key; 0 for none.
        file: its first file, below the server's folder of data; None for a partitioned table.
    """

    table_id: int
    schema_name: str
    name: str
    is_partitioned: bool
    parent_id: int | None
    bound: str | None
    key_number: int
    file: str | None
    fillfactor: int

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column of a table that is no partition. ``width`` is negative for any length."""

    table_id: int
    number: int
    name: str
    type_name: str
    width: int
    is_not_null: bool
    is_identity: bool
    is_dated_by_default: bool
    labels: list[str]


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """A check or a foreign key of one column; of a check, ``referenced_id`` is 0."""

    table_id: int
    number: int
    referenced_id: int
    definition: str


@dataclass(frozen=True, slots=True)
class PlannedIndex:
    """An index. The first ``keys`` of ``numbers`` are its key; an expression has the number 0."""

    index_id: int
    table_id: int
    schema_name: str
    name: str
    parent_id: int | None
    method: str
    is_unique: bool
    keys: int
    numbers: list[int]
    predicate: str | None
    file: str | None
    fillfactor: int


@dataclass(frozen=True, slots=True)
class IndexExpression:
    """A column of an index that is an expression."""

    index_id: int
    number: int
    name: str
    type_name: str
    width: int


@dataclass(frozen=True, slots=True)
class ExtendedStatistics:
    """What ``create statistics`` made on a table, both as ``schema.name``.

    PostgreSQL 18 has no function that restores it: a simulated size is planned without it.

    Attributes:
        kinds: Of ``ndistinct``, ``dependencies``, ``mcv`` and ``expressions``.
    """

    name: str
    table_name: str
    kinds: list[str]

    def __str__(self) -> str:
        """Return its name, with what it says of which table."""
        return f"{self.name} ({', '.join(self.kinds)}) of {self.table_name}"


@dataclass(frozen=True, slots=True)
class PlannedCatalog:
    """All of it, of some schemas. Whether a table is a partition, its ``parent_id`` says."""

    tables: Mapping[int, PlannedTable]
    columns: Mapping[int, Sequence[PlannedColumn]]
    rules: Mapping[int, Sequence[ColumnRule]]
    indexes: Mapping[int, PlannedIndex]
    expressions: Mapping[int, Sequence[IndexExpression]]
    extended: Sequence[ExtendedStatistics]

    def whole_index(self, index: PlannedIndex) -> PlannedIndex:
        """Return the index of the whole table that one of a partition belongs to, or itself."""
        while index.parent_id is not None:
            index = self.indexes[index.parent_id]
        return index


@query
def _list_tables(schemas: list[str]) -> list[PlannedTable]: ...


@query
def _list_columns(schemas: list[str]) -> list[PlannedColumn]: ...


@query
def _list_rules(schemas: list[str]) -> list[ColumnRule]: ...


@query
def _list_indexes(schemas: list[str]) -> list[PlannedIndex]: ...


@query
def _list_expressions(schemas: list[str]) -> list[IndexExpression]: ...


@query
def _list_extended_statistics(schemas: list[str]) -> list[ExtendedStatistics]: ...


@query
def has_logs() -> bool: ...


query.complete()


def read(db: Runner, schemas: Sequence[str]) -> PlannedCatalog:
    """Read what is in some schemas."""
    names = [*schemas]
    return PlannedCatalog(
        {each.table_id: each for each in _list_tables(db, names)},
        _by_number(_list_columns(db, names), lambda each: each.table_id),
        _by_number(_list_rules(db, names), lambda each: each.table_id),
        {each.index_id: each for each in _list_indexes(db, names)},
        _by_number(_list_expressions(db, names), lambda each: each.index_id),
        _list_extended_statistics(db, names),
    )


def _by_number(found: Sequence[_Found], number: Callable[[_Found], int]) -> dict[int, list[_Found]]:
    groups: defaultdict[int, list[_Found]] = defaultdict(list)
    for each in found:
        groups[number(each)].append(each)
    return dict(groups)
