"""Which columns of a result are never null.

A column of a table is never null if the table says so and no outer join pads it. A view says
nothing of its columns (PostgreSQL keeps no NOT NULL for them), so they are looked up in the
table that the view shows, also through views of views.
"""

from collections.abc import Sequence

from oadb.engine.binding.statements import Statement
from oadb.engine.database import Database
from oadb.tools import catalog
from oadb.tools.contract.description import (
    Column,
    Connection,
    describe_view,
    has_outer_join,
    padded_tables,
)


def never_null(
    db: Database, connection: Connection, statement: Statement, columns: Sequence[Column]
) -> list[bool | None]:
    """Return for each column whether it is never null; None where the server does not know.

    It does not know of an expression. *connection* is to the database of *db*.
    """
    found = [_in_table(db, connection, column) for column in columns]
    reads_view = found != [*columns]
    padded = (
        padded_tables(connection, statement)
        if reads_view or has_outer_join(statement)
        else frozenset[str]()
    )
    return [_is_never_null(db, column, padded) for column in found]


def _in_table(db: Database, connection: Connection, column: Column) -> Column:
    """Return the column of a table that *column* shows, or the expression behind it."""
    while column.table_id:
        definition = catalog.find_table(db, column.table_id).view_definition
        if definition is None:
            break
        # Columns of a view are numbered as its query returns them: none is ever dropped.
        column = describe_view(connection, definition)[column.number - 1]
    return column


def _is_never_null(db: Database, column: Column, padded: frozenset[str]) -> bool | None:
    if not column.table_id:
        return None
    not_null = column.number in catalog.list_not_null_columns(db, column.table_id)
    return not_null and catalog.find_table(db, column.table_id).name not in padded
