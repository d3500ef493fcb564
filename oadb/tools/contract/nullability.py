"""Columns of a result that are never null.

A column of a table is never null if it is declared NOT NULL, no outer join pads the table, and it
is in all grouping sets.
PostgreSQL keeps no NOT NULL for the columns of views, so they are followed to the table behind the
view, also through views of views.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial

from oadb.engine.binding.statements import Statement
from oadb.engine.executors import Runner
from oadb.tools import catalog
from oadb.tools.contract.description import (
    Column,
    Connection,
    describe_view,
    generic_plan,
)
from oadb.tools.contract.padding import Padding, may_pad


def never_null(
    db: Runner, connection: Connection, statement: Statement, columns: Sequence[Column]
) -> list[bool | None]:
    """Return for each column whether it is never null; None: not known, as of an expression.

    *db* and *connection* must be to the same database.
    """
    # Most statements have several columns of one table.
    find_table = cache(partial(catalog.find_table, db))
    list_not_null = cache(partial(catalog.list_not_null_columns, db))
    list_names = cache(partial(catalog.list_table_names, db))
    found = [_in_table(find_table, connection, column) for column in columns]
    reads_view = found != [*columns]
    is_plain = not (reads_view or may_pad(statement))
    plan = None if is_plain else generic_plan(connection, statement)
    padding = None if plan is None else Padding(plan)

    def known(number: int, column: Column) -> bool | None:
        if not column.table_id or find_table(column.table_id).is_materialized:
            return None
        if column.number not in list_not_null(column.table_id):
            return False
        if padding is None:
            return is_plain or None
        reached = padding.reaches(number, list_names(column.table_id))
        return None if reached is None else not reached

    return [known(number, column) for number, column in enumerate(found)]


def _in_table(
    find_table: Callable[[int], catalog.Relation], connection: Connection, column: Column
) -> Column:
    """Return the column of a table, or the expression, behind *column*."""
    while column.table_id:
        definition = find_table(column.table_id).view_definition
        if definition is None:
            break
        # The columns of a view have the numbers of its query's columns: none can be dropped.
        column = describe_view(connection, definition)[column.number - 1]
    return column
