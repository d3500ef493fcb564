"""What a file of statistics says of tables: how they grow, and what is in their columns.

    {
        "oadb.sessions": {
            "rows": {"times": 2, "table": "oadb.users"},
            "columns": {"ip": {"null": 0.01, "distinct": {"share": 0.3}}},
            "indexes": {"sessions_ip_idx": {"bytes": 24}}
        }
    }

What is not said is derived from the schema: see ``derived_shapes``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oadb.tools.plans.shape_entries import MOST_SHARES, ShapeEntry

_MOST = 1e12
_AMOUNT = ("fixed", "share", "times", "table", "least", "most")
_COLUMN = ("null", "width", "distinct", "values", "between", "bounds", "correlation", "items")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of rows or values: fixed, a share of a scale, or so many for each row of a table.

    ``share`` is a share of the scale where it says how many rows a table has, and of these rows
    where it says how many values a column has.
    """

    fixed: float | None = None
    share: float | None = None
    times: float = 0
    table: str = ""
    least: float = 0
    most: float = _MOST

    def of(self, base: float, rows_of: Callable[[str], float]) -> float:
        """Return the number.

        Args:
            base: what a share is taken of.
            rows_of: how many rows a table has.
        """
        if self.fixed is not None:
            found = self.fixed
        elif self.share is not None:
            found = self.share * base
        else:
            found = self.times * rows_of(self.table)
        return min(max(found, self.least), self.most)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """What is in a column; None and what is empty are derived.

    Attributes:
        nulls: the share of rows without a value.
        width: bytes of a value.
        values: the most common values, with the share of rows that have them.
        between: the least and the greatest value, between which they are spread evenly: numbers,
            times, ages such as "-30 days", "now", or "oadb.users" for its number of rows.
        bounds: instead of these two, values between which there are equally many rows.
        correlation: of the order of values and of rows, from -1 to 1.
        items: how many different items an array has.
    """

    nulls: float | None = None
    width: int | None = None
    distinct: Amount | None = None
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    between: tuple[str | float, str | float] | None = None
    bounds: tuple[str | float, ...] = ()
    correlation: float | None = None
    items: float | None = None


@dataclass(frozen=True, slots=True)
class IndexShape:
    """How large an index is.

    Attributes:
        share: of a partial index, the share of the table's rows that are in it.
        bytes: for each of these rows.
        keys: of a GIN index, the number of different keys, as a share of the table's rows or fixed.
    """

    share: float | None = None
    bytes: float | None = None
    keys: Amount | None = None


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a file says of a table.

    Attributes:
        place: where it says so.
        bytes: those of a row.
        visible: the share of pages of which an index-only scan reads no row.
    """

    place: str
    name: str
    rows: Amount
    bytes: float | None = None
    visible: float = 1.0
    columns: Mapping[str, ColumnShape] = field(default_factory=dict[str, ColumnShape])
    indexes: Mapping[str, IndexShape] = field(default_factory=dict[str, IndexShape])


def read_table(name: str, entry: ShapeEntry) -> TableShape:
    """Read what a file says of a table.

    Raises:
        DeclarationError: a field is unknown or of the wrong type; the text says where.
    """
    rows = entry.inner("rows")
    if rows is None:
        raise entry.fault('"rows" is missing, such as {"share": 0.1} or {"fixed": 1000}')
    shape = TableShape(
        entry.place,
        name,
        _amount(rows),
        entry.number("bytes", 1, 1e6),
        1.0 if (visible := entry.number("visible", 0, 1)) is None else visible,
        {each: _column(inner) for each, inner in entry.named("columns", "column").items()},
        {each: _index(inner) for each, inner in entry.named("indexes", "index").items()},
    )
    entry.end("rows", "bytes", "visible", "columns", "indexes")
    return shape


def _amount(entry: ShapeEntry) -> Amount:
    given = [name for name in ("fixed", "share", "times") if entry.has(name)]
    if len(given) != 1:
        raise entry.fault('one of "fixed", "share" and "times" is expected')
    if entry.has("times") != entry.has("table"):
        raise entry.fault('"times" and "table" go together: {"times": 2, "table": "oadb.users"}')
    found = Amount(
        entry.number("fixed", 0, _MOST),
        entry.number("share", 0, 1000),
        entry.number("times", 0, _MOST) or 0,
        entry.text("table") or "",
        entry.number("least", 0, _MOST) or 0,
        entry.number("most", 0, _MOST) or _MOST,
    )
    entry.end(*_AMOUNT)
    return found


def _column(entry: ShapeEntry) -> ColumnShape:
    width, distinct = entry.number("width", 1, 1e6), entry.inner("distinct")
    nulls = entry.number("null", 0, 1)
    found = ColumnShape(
        nulls,
        None if width is None else int(width),
        None if distinct is None else _amount(distinct),
        entry.frequencies("values"),
        _between(entry),
        tuple(entry.limits("bounds")),
        entry.number("correlation", -1, 1),
        entry.number("items", 0, _MOST),
    )
    if sum(found.values.values()) + (nulls or 0) > MOST_SHARES:
        raise entry.fault('the shares of "values" and of "null" are more than all rows')
    entry.end(*_COLUMN)
    return found


def _between(entry: ShapeEntry) -> tuple[str | float, str | float] | None:
    match entry.limits("between"):
        case []:
            return None
        case [first, last]:
            return first, last
        case _:
            raise entry.fault('"between" must be a list of two, the least and the greatest value')


def _index(entry: ShapeEntry) -> IndexShape:
    keys = entry.inner("keys")
    found = IndexShape(
        entry.number("share", 0, 1),
        entry.number("bytes", 0, 1e6),
        None if keys is None else _amount(keys),
    )
    entry.end("share", "bytes", "keys")
    return found
