"""Rows, pages and statistics of every table and index at a scale."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from oadb.errors import DeclarationError
from oadb.tools.plans import column_statistics, derived_shapes, index_sizes, table_sizes
from oadb.tools.plans.index_sizes import Order
from oadb.tools.plans.moments import Moments, ValueLimits
from oadb.tools.plans.planned_catalog import (
    IndexExpression,
    PlannedCatalog,
    PlannedColumn,
    PlannedIndex,
    PlannedTable,
)
from oadb.tools.plans.restoring import RestoredColumn, RestoredRelation
from oadb.tools.plans.table_shapes import Amount, ColumnShape, IndexShape, TableShape
from oadb.tools.plans.table_sizes import TablePart, TableRows

# From this correlation on, rows come in the order of a column; from so many rows with the same
# first columns on, those of an index come in runs.
_IN_ORDER, _ROWS_OF_A_RUN = 0.9, 100

# Of a partial index, and of a GIN index, of which no file says more.
_SHARE, _KEYS = 0.5, Amount(share=0.1)


@dataclass(frozen=True, slots=True)
class SizedFile:
    """How many pages a table or an index has.

    Attributes:
        heap_pages: of an index, those of its table.
        keys: of a GIN index, how many different ones there are.
        levels: of a B-tree, above its leaves.
    """

    file: str
    pages: int
    method: str
    heap_pages: int = 0
    keys: float = 0
    levels: int = 0


@dataclass(frozen=True, slots=True)
class Simulated:
    """What is written into the catalog and into files."""

    files: list[SizedFile] = field(default_factory=list[SizedFile])
    relations: list[RestoredRelation] = field(default_factory=list[RestoredRelation])
    columns: list[RestoredColumn] = field(default_factory=list[RestoredColumn])


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, its whole shape, and the limits of its values, if they are known."""

    column: PlannedColumn
    shape: ColumnShape
    limits: ValueLimits | None


def simulate(
    catalog: PlannedCatalog, shapes: Mapping[str, TableShape], scale: float, now: datetime
) -> Simulated:
    """Work out the sizes of all tables and indexes.

    Args:
        shapes: what files of statistics say, by the names of tables.
        scale: the number of rows that shares are taken of.
        now: the time, with its zone, from which ages are counted.

    Raises:
        DeclarationError: a file says what cannot be; the text names the place.
    """
    found = Simulated()
    rows = TableRows(shapes, catalog, scale)
    for table in catalog.tables.values():
        if table.parent_id is None:
            _Table(table, catalog, shapes.get(str(table)), rows, Moments(now)).add_to(found)
    return found


class _Table:
    """A whole table at a scale."""

    def __init__(
        self,
        table: PlannedTable,
        catalog: PlannedCatalog,
        shape: TableShape | None,
        rows: TableRows,
        moments: Moments,
    ) -> None:
        self._table, self._catalog, self._rows = table, catalog, rows
        self._shape = shape or TableShape(str(table), str(table), Amount())
        self._moments = moments
        self._total = rows.of(str(table))
        self._columns = {
            each.number: self._column(each) for each in catalog.columns[table.table_id]
        }

    def add_to(self, found: Simulated) -> None:
        key = self._columns.get(self._table.key_number)
        history = None if key is None else key.limits
        for part in table_sizes.parts(self._table, self._total, history, self._catalog):
            if part.rows >= 1:
                self._add_part(part, found)

    def _column(self, column: PlannedColumn) -> _Column:
        given = self._shape.columns.get(column.name, ColumnShape())
        shape = derived_shapes.derive(column, given, self._catalog)
        try:
            limits = None if shape.between is None else self._limits(column, shape.between)
        except (ValueError, KeyError):
            raise DeclarationError(
                f'{self._shape.place}: column {column.name}: "between" must be two numbers, or '
                'for times such as "-30 days", "now" and "2026-01-31"'
            ) from None
        return _Column(column, shape, limits)

    def _limits(
        self, column: PlannedColumn, between: tuple[str | float, str | float]
    ) -> ValueLimits:
        is_time = column.type_name in derived_shapes.TIMES
        return self._moments.limits(between, self._rows_of, is_time=is_time)

    def _rows_of(self, name: str) -> float:
        return self._rows.of(str(self._table) if name == "rows" else name)

    def _add_part(self, part: TablePart, found: Simulated) -> None:
        pages = table_sizes.heap_pages(
            part.table,
            part.rows,
            [each.shape for each in self._columns.values()],
            self._shape.bytes,
        )
        self._add_relation(
            part.table, part.rows, SizedFile(part.table.file or "", pages, "heap"), found
        )
        for index in self._catalog.indexes.values():
            if index.table_id == part.table.table_id:
                self._add_index(index, part, pages, found)
        if part.rows >= table_sizes.FEWEST:
            relation = part.table.schema_name, part.table.name
            found.columns.extend(self._statistics(relation, part))

    def _add_relation(
        self, relation: PlannedTable | PlannedIndex, rows: float, sized: SizedFile, found: Simulated
    ) -> None:
        found.files.append(sized)
        if rows >= table_sizes.FEWEST:
            visible = round(sized.pages * self._shape.visible) if sized.method == "heap" else 0
            found.relations.append(
                RestoredRelation(relation.schema_name, relation.name, sized.pages, rows, visible)
            )

    def _statistics(self, relation: tuple[str, str], part: TablePart) -> Iterator[RestoredColumn]:
        for each in self._columns.values():
            limits = each.limits
            if limits and each.column.number == self._table.key_number:
                limits = table_sizes.within(limits, part.table)
            elif limits and each.column.is_identity:
                limits = limits.part(part.first, part.last)
            yield column_statistics.statistics_of(
                relation,
                (each.column.name, each.column.type_name),
                each.shape,
                rows=part.rows,
                distinct=self._distinct(each.shape, part),
                limits=limits,
            )

    def _distinct(self, shape: ColumnShape, part: TablePart) -> float:
        """Return how many different values ANALYZE finds in a part of the table."""
        amount = shape.distinct or Amount(fixed=1)
        every = max(1.0, amount.of(part.rows, self._rows.of))
        if amount.share is not None:
            return every
        if amount.table:
            return column_statistics.estimated_distinct(part.rows, every)
        return every * -math.expm1(-part.rows / every)

    # Indexes ---------------------------------------------------------------------------------

    def _add_index(
        self, index: PlannedIndex, part: TablePart, heap_pages: int, found: Simulated
    ) -> None:
        shape = self._shape.indexes.get(self._catalog.whole_index(index).name, IndexShape())
        share = 1.0 if index.predicate is None else _SHARE
        rows = part.rows * (share if shape.share is None else shape.share)
        if rows >= 1:
            pages = self._index_pages(index, shape, part, rows)
            keys = (shape.keys or _KEYS).of(part.rows, self._rows.of)
            levels = index_sizes.btree_levels(pages, [*self._widths(index), 0])
            sized = SizedFile(index.file or "", pages, index.method, heap_pages, keys, levels)
            self._add_relation(index, rows, sized, found)
            if rows >= table_sizes.FEWEST:
                found.columns.extend(self._expressions(index, part, rows))

    def _index_pages(
        self, index: PlannedIndex, shape: IndexShape, part: TablePart, rows: float
    ) -> int:
        return index_sizes.index_pages(
            index.method,
            rows,
            [*self._widths(index)],
            repeats=self._repeats(index, part),
            order=self._order(index, part),
            given=shape.bytes,
        )

    def _widths(self, index: PlannedIndex) -> Iterator[int]:
        for number in index.numbers:
            if number in self._columns:
                yield self._columns[number].shape.width or 0
        for each in self._catalog.expressions.get(index.index_id, ()):
            shape = self._expression(index, each)
            given = None if shape is None else shape.width
            yield given or derived_shapes.width_of(each.type_name, each.width)

    def _expression(self, index: PlannedIndex, expression: IndexExpression) -> ColumnShape | None:
        """Return what a file says of an expression of an index."""
        name = f"{self._catalog.whole_index(index).name}.{expression.name}"
        return self._shape.columns.get(name)

    def _repeats(self, index: PlannedIndex, part: TablePart) -> float:
        """Return how many rows have the same key, if its columns are independent."""
        if index.is_unique or index.keys < len(index.numbers):
            return 1
        each = [self._keys(number, part) for number in index.numbers]
        keys, most = math.prod(each), max(each)
        if len(each) == 1 or most >= part.rows:
            return part.rows / most
        return part.rows / (keys * -math.expm1(-part.rows / keys))

    def _keys(self, number: int, part: TablePart) -> float:
        """Return how many different values a column of an index has; an expression has many."""
        column = self._columns.get(number)
        found = part.rows if column is None else self._distinct(column.shape, part)
        return min(max(1.0, found), part.rows)

    def _order(self, index: PlannedIndex, part: TablePart) -> Order:
        ordered = [
            number in self._columns and (self._columns[number].shape.correlation or 0) > _IN_ORDER
            for number in index.numbers[: index.keys]
        ]
        if ordered[0]:
            return "end"
        before = index.numbers[: ordered.index(True)] if True in ordered else ()
        runs = math.prod(self._keys(number, part) for number in before)
        if before and runs <= 1:
            return "end"
        return "runs" if before and runs * _ROWS_OF_A_RUN < part.rows else "anywhere"

    def _expressions(
        self, index: PlannedIndex, part: TablePart, rows: float
    ) -> Iterator[RestoredColumn]:
        for each in self._catalog.expressions.get(index.index_id, ()):
            shape = self._expression(index, each)
            if shape is not None:
                yield column_statistics.statistics_of(
                    (index.schema_name, index.name),
                    (each.name, each.type_name),
                    shape,
                    rows=rows,
                    distinct=self._distinct(shape, part),
                    limits=None,
                )
