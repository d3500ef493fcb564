"""Columns of a result that are never null.

A column of a table is never null if it is declared NOT NULL and no outer join pads the table.
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
    has_outer_join,
    padded_tables,
)


def never_null(
    db: Runner, connection: Connection, statement: Statement, columns: Sequence[Column]
) -> list[bool | None]:
    """Return for each column whether it is never null; None for an expression: not known.

    *db* and *connection* must be to the same database.
    """
    # Most statements have several columns of one table.
    find_table = cache(partial(catalog.find_table, db))
    list_not_null = cache(partial(catalog.list_not_null_columns, db))
    found = [_in_table(find_table, connection, column) for column in columns]
    reads_view = found != [*columns]
    padded = (
        padded_tables(connection, statement)
        if reads_view or has_outer_join(statement)
        else frozenset[str]()
    )
    return [
        column.number in list_not_null(column.table_id)
        and find_table(column.table_id).name not in padded
        if column.table_id
        else None
        for column in found
    ]


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
