"""One statement for many rows: ``orders.create.many(db, rows)``.

Each row holds the arguments of one call: a tuple in the order of the parameters, a mapping by their
names, or an object that has them as attributes. All rows are checked before anything is sent.

The statement runs once for each row, in one burst; or, if the SQL file has a form of it for many
rows, in that form. See ``array_forms``. If that is refused because of a value, the rows are sent
one by one after all, to say which of them is at fault.
"""

from collections.abc import Coroutine, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, cast

import psycopg

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.combined_calls import CombinedCall, CombinedCalls, require_combinable
from oadb.engine.executors import AsyncExecutor, run_combined
from oadb.errors import NoRowError, ParameterError, TooManyRowsError

_Rows = list[tuple[Any, ...]]

# Bytes of texts in the arrays that are sent at a time: each needs several times of it in memory.
_MOST_BYTES = 4 * 2**20

# Rows that are sent at a time: the server stores them while the next are encoded.
_MOST_ROWS = 2000

# Types whose values may be long.
_LONG = frozenset({str, bytes, dict})

# The server refused a value, a row, or two rows that an upsert may not have in one statement:
# classes of SQLSTATE.
_ONE_BY_ONE = ("21", "22", "23", "P0")


class CheckedRow(tuple[Any, ...]):
    """The values of one call, which were compared with the declaration."""

    __slots__ = ()


def checked(declared: Declaration, rows: Iterable[object]) -> _Rows:
    """Return the values of every row, in the order of the parameters.

    Raises:
        ParameterError: a row of another shape, or with an invalid value; the text names the row.
            Or the statement must be sent alone.
    """
    require_combinable(declared)
    names = [*declared.kinds]
    given = [*rows]
    listed = _in_order(names, given)
    if listed is not None and declared.fit(listed):
        return listed
    return [
        row if isinstance(row, CheckedRow) else _checked(declared, names, number, row)
        for number, row in enumerate(given)
    ]


def _in_order(names: list[str], rows: list[Any]) -> _Rows | None:
    """Return the values of rows that are all of one class, in order; None: look at each row."""
    kinds = set(map(type, rows))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        return None
    if issubclass(kind, tuple):
        return rows
    if kind is dict or len(names) < 2:
        return None
    try:
        return [*map(attrgetter(*names), rows)]
    except AttributeError:
        return None


def _checked(declared: Declaration, names: list[str], number: int, row: object) -> tuple[Any, ...]:
    try:
        values = declared.arguments((), _named(names, row))
        if not any(map(unsendable, values)):
            return values
        fault = str(declared.unsendable(values))
    except (ParameterError, TypeError) as error:
        fault = str(error)
    fault = fault.removeprefix(declared.label).removeprefix("()").removeprefix(": ")
    raise ParameterError(f"{declared.label}.many: rows[{number}]: {fault}")


def _named(names: list[str], row: object) -> dict[str, Any]:
    """Return the arguments of a row by name.

    Raises:
        ParameterError: a row of another shape.
    """
    if isinstance(row, tuple):
        values = cast("tuple[object, ...]", row)
        if len(values) != len(names):
            raise ParameterError(f"it has {len(values)} values, not {len(names)}")
        return dict(zip(names, values, strict=True))
    if isinstance(row, Mapping):
        return dict(cast("Mapping[str, object]", row))
    missing = [name for name in names if not hasattr(row, name)]
    if missing:
        raise ParameterError(
            f"{type(row).__name__} has no attribute {missing[0]}; it needs one for each parameter"
        )
    return {name: getattr(row, name) for name in names}


async def run(db: AsyncExecutor, declared: Declaration, rows: _Rows) -> list[Any]:
    """Run a statement for many rows, and return what a call returns, for each of them."""
    form = declared.array_form
    if form is not None and rows:

        def work(tx: AsyncExecutor) -> Coroutine[Any, Any, list[Any]]:
            return _run_form(tx, form, rows)

        try:
            return await db._operate_in_transaction(work)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(_ONE_BY_ONE):
                raise
        except ParameterError:  # of which row is found out below
            pass
    return await run_combined(db, _one_by_one(declared, rows)) if rows else []


async def _run_form(db: AsyncExecutor, form: Declaration, rows: _Rows) -> list[Any]:
    """Run the form for many rows.

    Raises:
        NoRowError, TooManyRowsError: it returned another number of rows than it was given.
    """
    calls = [*_calls(form, rows)]
    results = await run_combined(db, CombinedCalls(form.label, calls))
    if not form.fetches:
        return [None] * len(rows)
    returned = [row for result in results for row in result]
    if len(returned) != len(rows):
        kind = NoRowError if len(returned) < len(rows) else TooManyRowsError
        raise kind(f"{form.label}: {len(returned)} rows for {len(rows)} given ones")
    return returned


def _calls(form: Declaration, rows: _Rows) -> Iterator[CombinedCall]:
    """Yield the calls that send the rows, each a bounded number of them."""
    kinds = enumerate(form.kinds.values())
    long = [place for place, kind in kinds if kind.form is not None or kind.python in _LONG]
    start = 0
    for end in _ends(long, rows):
        yield CombinedCall(form, tuple(rows[start:end]), f"{form.label}: rows[{start}:{end}]")
        start = end


def _ends(long: list[int], rows: _Rows) -> Iterator[int]:
    """Yield where each chunk of rows ends, by their number and the bytes of long values."""
    start = size = 0
    for end, row in enumerate(rows, 1):
        if long:
            size += sum([len(row[place] or "") for place in long])
        if size >= _MOST_BYTES or end == start + _MOST_ROWS or end == len(rows):
            yield end
            start, size = end, 0


def _one_by_one(declared: Declaration, rows: _Rows) -> CombinedCalls:
    """Return a call for each row, which errors name by its number."""
    label = f"{declared.label}.many"
    return CombinedCalls(
        label,
        [
            CombinedCall(declared.chosen(values), values, f"{label}: rows[{number}]")
            for number, values in enumerate(rows)
        ],
    )
