"""Writes a file of statistics from a live database, in which no table is read.

It holds counts, shares and widths. Values, which are those of rows, are in it only of columns that
were named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.errors import ParameterError
from oadb.tools.plans import moments, planned_catalog, table_sizes
from oadb.tools.plans.index_sizes import OWN_PAGES
from oadb.tools.plans.planned_catalog import ExtendedStatistics, PlannedIndex, PlannedTable
from oadb.tools.plans.sparse_files import PAGE
from oadb.tools.plans.table_sizes import FEWEST
from oadb.tools.scale import cluster_catalog

query = queries(__name__)

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LiveSize:
    """Rows and pages of a table or an index; rows are -1 if it was never analyzed."""

    relation_id: int
    rows: float
    pages: int
    visible_pages: int


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """What ANALYZE found in a column, as in pg_stats; ``items`` is the mean length of arrays."""

    relation_name: str
    name: str
    nulls: float
    width: int
    distinct_values: float
    correlation: float | None
    items: float | None


@dataclass(frozen=True, slots=True)
class LiveValues:
    """The values that ANALYZE kept of a column."""

    relation_name: str
    name: str
    common: list[str]
    frequencies: list[float]
    bounds: list[str]


@dataclass(frozen=True, slots=True)
class Exported:
    """The content of a file of statistics.

    Attributes:
        unread: A sentence for each thing that could not be read.
        left_out: What a file of statistics has no place for.
    """

    tables: dict[str, Json]
    unread: list[str]
    left_out: Sequence[ExtendedStatistics]


@query
def _list_sizes(schemas: list[str]) -> list[LiveSize]: ...


@query
def _list_columns(schemas: list[str]) -> list[LiveColumn]: ...


@query
def _list_values(columns: list[str]) -> list[LiveValues]: ...


query.complete()


def export(db: Runner, schemas: Sequence[str], values: Sequence[str]) -> Exported:
    """Read the statistics of the tables of some schemas.

    Args:
        values: the columns whose values may be written: schema.table.column.

    Raises:
        ParameterError: a column of *values* is not there.
    """
    return _Export(db, [*schemas], values).result()


class _Export:
    def __init__(self, db: Runner, schemas: list[str], values: Sequence[str]) -> None:
        self._catalog = planned_catalog.read(db, schemas)
        self._sizes = {each.relation_id: each for each in _list_sizes(db, schemas)}
        self._columns: dict[str, list[LiveColumn]] = {}
        for column in _list_columns(db, schemas):
            self._columns.setdefault(column.relation_name, []).append(column)
        self._roots = [each for each in self._catalog.tables.values() if each.parent_id is None]
        self._require(values)
        named = [*self._with_partitions(values)]
        self._values = {(each.relation_name, each.name): each for each in _list_values(db, named)}
        self._away = cluster_catalog.distributed(db)
        self._largest = max((self._rows(each) for each in self._roots), default=0)

    def result(self) -> Exported:
        tables: dict[str, Json] = {}
        unread: list[str] = []
        for table in self._roots:
            if str(table) in self._away:
                unread.append(f"columns of {table} cannot be read: its rows are on workers")
            elif self._rows(table) >= FEWEST:
                tables[str(table)] = self._table(table)
                if str(self._typical(table)) not in self._columns:
                    unread.append(
                        f"columns of {table} cannot be read: it was never analyzed, or its "
                        "row-level security binds this role; use one with BYPASSRLS"
                    )
            else:
                tables[str(table)] = {"rows": {"fixed": self._rows(table)}}
        return Exported(tables, unread, self._catalog.extended)

    def _require(self, values: Sequence[str]) -> None:
        known = {
            f"{table}.{column.name}"
            for table in self._roots
            for column in self._catalog.columns.get(table.table_id, ())
        }
        for name in values:
            if name not in known:
                raise ParameterError(
                    f"values: {name} is no column of these schemas; write schema.table.column"
                )

    def _with_partitions(self, values: Sequence[str]) -> Iterator[str]:
        for name in values:
            table, _, column = name.rpartition(".")
            root = next(each for each in self._roots if str(each) == table)
            yield f"{self._typical(root)}.{column}"

    def _parts(self, table: PlannedTable) -> list[PlannedTable]:
        if not table.is_partitioned:
            return [table]
        inner = (each for each in self._catalog.tables.values() if each.parent_id == table.table_id)
        return [part for each in inner for part in self._parts(each)]

    def _rows(self, table: PlannedTable) -> int:
        return round(sum(max(0, self._sizes[each.table_id].rows) for each in self._parts(table)))

    def _typical(self, table: PlannedTable) -> PlannedTable:
        """Return the part with the most rows, whose columns stand for those of the whole table."""
        return max(
            self._parts(table), key=lambda each: self._sizes[each.table_id].rows, default=table
        )

    def _table(self, table: PlannedTable) -> Json:
        rows, parts = self._rows(table), self._parts(table)
        sizes = [self._sizes[each.table_id] for each in parts]
        pages = sum(size.pages for size in sizes)
        visible = sum(size.visible_pages for size in sizes) / max(1, pages)
        columns = dict(self._described(table))
        indexes = dict(self._indexes(table, rows))
        return {
            "rows": {"share": rows / self._largest},
            "bytes": max(1, _rounded(pages * PAGE / rows)),
            "visible": _rounded(min(1, visible)),
            **({"columns": columns} if columns else {}),
            **({"indexes": indexes} if indexes else {}),
        }

    def _described(self, table: PlannedTable) -> Iterator[tuple[str, Json]]:
        typical = self._typical(table)
        numbers = {each.name: each.number for each in self._catalog.columns[table.table_id]}
        for column in self._columns.get(str(typical), ()):
            found = self._column(column)
            if numbers[column.name] == table.key_number:
                found = {**found, **self._history(table)}
            yield column.name, found
        for index in self._own(typical):
            for column in self._columns.get(f"{index.schema_name}.{index.name}", ()):
                yield f"{self._catalog.whole_index(index).name}.{column.name}", self._column(column)

    def _history(self, table: PlannedTable) -> Json:
        """Return the range of the key of a partitioned table, as its partitions with rows have it.

        It ends now where the last of them goes on.
        """
        held = (each for each in self._parts(table) if self._sizes[each.table_id].rows > 0)
        try:
            found = [
                (moments.seconds(limits[0]), moments.seconds(limits[1]))
                for limits in map(table_sizes.limits, held)
                if limits is not None
            ]
        except ValueError:  # no times
            return {}
        if not found:
            return {}
        # Partitions do not overlap.
        first, last = (datetime.fromtimestamp(each, UTC) for each in (min(found)[0], max(found)[1]))
        return {"between": [str(first), "now" if last > datetime.now(UTC) else str(last)]}

    def _column(self, column: LiveColumn) -> Json:
        distinct = column.distinct_values
        amount = {"share": -distinct} if distinct < 0 else {"fixed": distinct}
        found: dict[str, object] = {
            "null": _rounded(column.nulls),
            "width": max(1, column.width),
            "distinct": amount,
        }
        if column.correlation is not None:
            found["correlation"] = _rounded(column.correlation)
        if column.items is not None:
            found["items"] = _rounded(column.items)
        values = self._values.get((column.relation_name, column.name))
        if values is not None and values.common:
            shares = map(_rounded, values.frequencies)
            found["values"] = dict(zip(values.common, shares, strict=True))
        if values is not None and values.bounds:
            found["bounds"] = values.bounds
        return found

    def _own(self, table: PlannedTable) -> list[PlannedIndex]:
        return [each for each in self._catalog.indexes.values() if each.table_id == table.table_id]

    def _indexes(self, table: PlannedTable, rows: int) -> Iterator[tuple[str, Json]]:
        found: dict[str, list[PlannedIndex]] = {}
        for part in self._parts(table):
            for index in self._own(part):
                found.setdefault(self._catalog.whole_index(index).name, []).append(index)
        for name, indexes in found.items():
            sizes = [self._sizes[each.index_id] for each in indexes]
            inside = sum(max(0, size.rows) for size in sizes)
            pages = sum(max(0, size.pages - OWN_PAGES) for size in sizes)
            share = {"share": _rounded(min(1, inside / rows))} if indexes[0].predicate else {}
            if inside > 0:
                yield name, {**share, "bytes": _rounded(pages * PAGE / inside)}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
