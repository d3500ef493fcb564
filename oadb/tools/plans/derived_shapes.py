"""The shape of columns as the schema has it, where no file of statistics says otherwise.

A column that is unique has a value of its own in each row, and so have identities, uuids, digests
and times; a foreign key has as many values as the other table has rows; labels of an enum and
values of a check that lists them are equally frequent. Half of the rows have no value in a column
that may be null, or as many as the given shares of values leave.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from oadb.tools.plans.planned_catalog import PlannedCatalog, PlannedColumn
from oadb.tools.plans.table_shapes import Amount, ColumnShape

TIMES = frozenset({"timestamptz", "timestamp", "date"})
WHOLE = frozenset({"int2", "int4", "int8"})

# Of values of any length, the usual bytes with their header.
_WIDTHS = {"text": 16, "varchar": 16, "bytea": 64, "jsonb": 200, "json": 200, "inet": 7}
_OTHER_WIDTH = 40

_OF_EACH_ROW = frozenset({"uuid", "bytea", "jsonb", "float8", "float4", *TIMES})
_EACH_ROW = Amount(share=1)
_TEXTS = Amount(share=0.1)
_NUMBERS = Amount(fixed=1000)

_LISTED = re.compile(r"CHECK \(+\"?(\w+)\"? = ANY \(+ARRAY\[(.*?)\]")
_TEXT = re.compile(r"'((?:[^']|'')*)'::")

_HISTORY = "-365 days"


def derive(column: PlannedColumn, given: ColumnShape, catalog: PlannedCatalog) -> ColumnShape:
    """Return the whole shape of a column; its correlation is None where rows come by chance.

    Args:
        given: what a file says of it.
    """
    values = given.values or _listed(column, catalog)
    nulls = _nulls(column, given)
    if not given.values:
        values = {value: (1 - nulls) / len(values) for value in values}
    in_order = column.is_identity or column.is_dated_by_default
    return replace(
        given,
        nulls=nulls,
        width=given.width or _width(column, values),
        values=values,
        distinct=given.distinct or _distinct(column, values, catalog),
        between=given.between or _between(column, catalog),
        correlation=1.0 if given.correlation is None and in_order else given.correlation,
    )


def _nulls(column: PlannedColumn, given: ColumnShape) -> float:
    if given.nulls is not None:
        return given.nulls
    if column.is_not_null:
        return 0.0
    return min(0.5, max(0.0, 1 - sum(given.values.values()))) if given.values else 0.5


def _width(column: PlannedColumn, values: Mapping[str, float]) -> int:
    """Return the usual bytes of a value; of listed texts the mean, with the byte of its length."""
    total = sum(values.values())
    if column.type_name != "text" or total <= 0:
        return width_of(column.type_name, column.width)
    return 1 + round(sum(len(value) * share for value, share in values.items()) / total)


def width_of(type_name: str, width: int) -> int:
    """Return how many bytes a value of a type has, if *width* is that of its type: -1 for any."""
    return width if width > 0 else _WIDTHS.get(type_name, _OTHER_WIDTH)


def _listed(column: PlannedColumn, catalog: PlannedCatalog) -> dict[str, float]:
    """Return the values that a column may have, if the schema lists them."""
    if column.type_name == "bool":
        return {"f": 0, "t": 0}
    found = [*column.labels]
    for rule in catalog.rules.get(column.table_id, ()):
        listed = _LISTED.match(rule.definition)
        if rule.number == column.number and listed:
            found = [each.replace("''", "'") for each in _TEXT.findall(listed[2])]
    return dict.fromkeys(found, 0.0)


def _distinct(
    column: PlannedColumn, values: Mapping[str, float], catalog: PlannedCatalog
) -> Amount:
    if values:
        return Amount(fixed=len(values))
    if column.is_identity or _is_unique(column, catalog):
        return _EACH_ROW
    if (table := _referenced(column, catalog)) is not None:
        return Amount(times=1, table=table)
    if column.type_name in _OF_EACH_ROW:
        return _EACH_ROW
    return _NUMBERS if column.type_name in WHOLE else _TEXTS


def _is_unique(column: PlannedColumn, catalog: PlannedCatalog) -> bool:
    return any(
        index.is_unique and index.keys == 1 and index.numbers[0] == column.number
        for index in catalog.indexes.values()
        if index.table_id == column.table_id and index.predicate is None
    )


def _referenced(column: PlannedColumn, catalog: PlannedCatalog) -> str | None:
    for rule in catalog.rules.get(column.table_id, ()):
        if rule.number == column.number and rule.referenced_id in catalog.tables:
            return str(catalog.tables[rule.referenced_id])
    return None


def _between(
    column: PlannedColumn, catalog: PlannedCatalog
) -> tuple[str | float, str | float] | None:
    if column.type_name in TIMES:
        return _HISTORY, "now"
    if column.type_name not in WHOLE:
        return None
    if column.is_identity:
        return 1, "rows"
    table = _referenced(column, catalog)
    return None if table is None else (1, table)
