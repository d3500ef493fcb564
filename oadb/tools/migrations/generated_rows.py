"""Fills tables with rows that their constraints allow, and makes the calls that use these.

A value is made by its type from the number of its row, so that a reference finds the row that it
refers to. Where a check refuses that, the literals in the check are tried instead. A table whose
checks no such row meets stays empty, and is named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import psycopg

from oadb.engine.binding.queries import queries
from oadb.engine.constraint_errors import constraint_of
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.single_connection import SingleConnection

query = queries(__name__)

# None leaves the value that the type makes.
_USUAL = (None, "'x' || oadb_n || '@example.in'", "true", "0", "1", "''", "null")
# How many choices of values are tried for a check, and with how many rows: one may fit by chance.
_MOST, _TRIED = 200, "10"


@dataclass(frozen=True, slots=True)
class GeneratedTable:
    """A table, with the statements that insert rows, and read and change one of them.

    $1 is the number of rows. ``read`` and ``change`` are None without a primary key, ``change``
    also if there is no other column.
    """

    table_id: int
    table_name: str
    fill: str
    read: str | None
    change: str | None


@dataclass(frozen=True, slots=True)
class CheckOfRows:
    """A check: the numbers of its columns, and the literals in it."""

    columns: list[int]
    literals: list[str]


@dataclass(frozen=True, slots=True)
class FilledTable:
    """A table and the rows that it got; of one without, ``reason`` is why."""

    generated: GeneratedTable
    rows: int
    reason: str = ""


@query
def _list_generated(names: list[str], chosen: dict[str, object]) -> list[GeneratedTable]: ...


@query
def _find_check(table_id: int, name: str) -> CheckOfRows | None: ...


@query
def _leave_triggers_out() -> str: ...


@query
def _vacuum() -> None: ...


query.complete()

Chosen = dict[str, dict[str, str]]
"""Literals by the numbers of columns, by the oids of tables."""


def fill(
    connection: DirectConnection, names: Sequence[str], rows: Callable[[str], int]
) -> list[FilledTable]:
    """Fill the tables with these *names*, and those that they refer to, as a superuser.

    Args:
        rows: returns how many rows a table gets, by its name.

    Raises:
        psycopg.Error: the server does not answer any more.
    """
    session = SingleConnection(connection, prepares=False)
    _leave_triggers_out(session)
    filled = [
        _filled(connection, session, each, rows(each.table_name))
        for each in _list_generated(session, [*names], {})
    ]
    _vacuum(session)
    return filled


def _filled(
    connection: DirectConnection, session: SingleConnection, table: GeneratedTable, rows: int
) -> FilledTable:
    found, reason = _satisfying(connection, session, table)
    if reason:
        return FilledTable(table, 0, reason)
    try:
        with psycopg.RawCursor(connection) as cursor:
            cursor.execute(found.fill.encode(), [str(rows)])
            return FilledTable(found, cursor.rowcount)
    except psycopg.Error as error:
        return FilledTable(table, 0, _explained(connection, error))


def _satisfying(
    connection: DirectConnection, session: SingleConnection, table: GeneratedTable
) -> tuple[GeneratedTable, str]:
    """Return the table with values that its checks allow; or why there are none."""
    chosen: Chosen = {str(table.table_id): {}}
    error = _refusal(connection, table)
    while isinstance(error, psycopg.errors.CheckViolation):
        refused = constraint_of(error)
        for found, choice in _others(session, table, chosen, refused):
            again = _refusal(connection, found)
            if again is None or (
                isinstance(again, psycopg.errors.CheckViolation) and constraint_of(again) != refused
            ):
                table, chosen, error = found, choice, again
                break
        else:
            break
    return table, "" if error is None else _explained(connection, error)


def _others(
    session: SingleConnection, table: GeneratedTable, chosen: Chosen, refused: str
) -> Iterator[tuple[GeneratedTable, Chosen]]:
    """Yield the table with other values in the columns of a check."""
    check = _find_check(session, table.table_id, refused)
    if check is None:  # of a domain or a partition
        return
    own, key = chosen[str(table.table_id)], str(table.table_id)
    columns = [str(each) for each in check.columns if str(each) not in own]
    literals = [*check.literals, *_USUAL]
    for _, values in zip(range(_MOST), product(literals, repeat=len(columns)), strict=False):
        if columns:
            given = {each: text for each, text in zip(columns, values, strict=True) if text}
            choice = {key: {**own, **given}}
            found = _list_generated(session, [table.table_name], {**choice})
            yield next(each for each in found if each.table_id == table.table_id), choice


def _refusal(connection: DirectConnection, table: GeneratedTable) -> psycopg.Error | None:
    """Return why some rows are refused; they are not kept."""
    try:
        with (
            connection.transaction(force_rollback=True),
            psycopg.RawCursor(connection) as cursor,
        ):
            cursor.execute(table.fill.encode(), [_TRIED])
    except psycopg.Error as error:
        if connection.closed:
            raise
        return error
    return None


def _explained(connection: DirectConnection, error: psycopg.Error) -> str:
    if connection.closed:
        raise error
    return (error.diag.message_primary or str(error)).partition("\n")[0]
