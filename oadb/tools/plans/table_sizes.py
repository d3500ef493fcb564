"""How many rows tables and their partitions have at a scale, and how many pages they fill."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from oadb.errors import DeclarationError
from oadb.tools.plans.moments import ValueLimits
from oadb.tools.plans.planned_catalog import PlannedCatalog, PlannedTable
from oadb.tools.plans.table_shapes import Amount, ColumnShape, TableShape

FEWEST = 50
"""Autovacuum analyzes no table in which fewer rows have changed."""

_PAGE = 8192 - 24
_POINTER, _HEADER = 4, 24

_RANGE = re.compile(r"FOR VALUES FROM \('?([^'(),]+)'?\) TO \('?([^'(),]+)'?\)")
_DEFAULT = "DEFAULT"

# Of a table of which no file says anything.
_DERIVED = Amount(share=1)


@dataclass(frozen=True, slots=True)
class TablePart:
    """A table, or a partition: a part of a table with some of its rows.

    ``first`` and ``last`` are shares of the whole table's history: 0 and 1 for all of it.
    """

    table: PlannedTable
    rows: float
    first: float
    last: float


class TableRows:
    """The rows of each table at a scale.

    Raises:
        DeclarationError: two tables have so many rows for each row of the other.
    """

    def __init__(
        self, shapes: Mapping[str, TableShape], catalog: PlannedCatalog, scale: float
    ) -> None:
        self._shapes, self._scale = shapes, scale
        self._found: dict[str, float | None] = {}
        for table in catalog.tables.values():
            if table.parent_id is None:
                self.of(str(table))

    def of(self, name: str) -> float:
        """Return how many rows a table has, all partitions together."""
        if name not in self._found:
            self._found[name] = None
            shape = self._shapes.get(name)
            amount = _DERIVED if shape is None else shape.rows
            self._found[name] = round(amount.of(self._scale, self.of))
        found = self._found[name]
        if found is None:
            raise DeclarationError(
                f"{self._shapes[name].place}: its rows are counted by those of a table that is "
                "itself counted by the rows of this one; give one of them a share"
            )
        return found


def parts(
    table: PlannedTable, rows: float, history: ValueLimits | None, catalog: PlannedCatalog
) -> Iterator[TablePart]:
    """Yield the parts of a table that have files, each with its rows.

    Of partitions by a range of times or numbers those have rows into which *history* reaches, the
    range of their key, and each as many, so that plans do not depend on the time of day. A default
    partition has none.
    """
    if not table.is_partitioned:
        yield TablePart(table, rows, 0, 1)
        return
    inner = [each for each in catalog.tables.values() if each.parent_id == table.table_id]
    for each, first, last in _shares(inner, history):
        for part in parts(each, rows * (last - first), history, catalog):
            yield TablePart(part.table, part.rows, first, last)


def _shares(
    partitions: Sequence[PlannedTable], history: ValueLimits | None
) -> Iterator[tuple[PlannedTable, float, float]]:
    held = [each for each in partitions if each.bound != _DEFAULT and _reaches(history, each)]
    for number, each in enumerate(held):
        yield each, number / len(held), (number + 1) / len(held)


def limits(partition: PlannedTable) -> tuple[str, str] | None:
    """Return where a partition by range begins and ends, as SQL shows it; None for another one."""
    found = _RANGE.fullmatch(partition.bound or "")
    return (found[1], found[2]) if found else None


def within(history: ValueLimits, partition: PlannedTable) -> ValueLimits:
    """Return the part of a history that is in a partition."""
    found = limits(partition)
    return history.part(*map(history.share, found)) if found else history


def _reaches(history: ValueLimits | None, partition: PlannedTable) -> bool:
    if history is None or limits(partition) is None:
        return True
    part = within(history, partition)
    return part.least < part.greatest


def heap_pages(
    table: PlannedTable, rows: float, columns: Sequence[ColumnShape], given: float | None
) -> int:
    """Return how many pages a table fills.

    Args:
        given: bytes of a row with what is free beside it, if a file says so.
    """
    if given is not None:
        return math.ceil(rows * given / 8192)
    data = sum((each.width or 0) * (1 - (each.nulls or 0)) for each in columns)
    nulls = math.ceil(len(columns) / 8) if any(each.nulls for each in columns) else 0
    row = _aligned(23 + nulls) + _aligned(data + len(columns)) + _POINTER
    in_page = max(1, int(_PAGE * table.fillfactor / 100 / row))
    return math.ceil(rows / in_page)


def _aligned(size: float) -> float:
    return math.ceil(size / 8) * 8
