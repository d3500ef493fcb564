"""Functions made of statements, so that PostgreSQL keeps how it understood them.

``create function ... begin atomic`` runs nothing. It is made in the session's own schema for
temporary objects, in a transaction that its caller rolls back.
"""

from collections.abc import Sequence

import psycopg

from oadb.engine.binding.copies import copied_columns, copied_query, copied_table
from oadb.engine.binding.statements import Statement
from oadb.tools.contract.description import Connection


def name_of(number: int) -> str:
    """Return the name of the function of a statement."""
    return f"oadb_asked_{number}"


def make(connection: Connection, number: int, statement: bytes, types: Sequence[str]) -> None:
    """Make the function of a statement.

    Args:
        statement: as it is sent, with $1 for its first parameter.
        types: those of its parameters, as SQL names them.

    Raises:
        psycopg.Error: the server rejects it: it is no query, or names what is not there.
    """
    head = f"create function pg_temp.{name_of(number)}({', '.join(types)}) returns void "
    text = head.encode() + b"language sql begin atomic\n" + statement + b"\n; end"
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(text)


def is_copy(statement: Statement) -> bool:
    """Say whether a statement is a COPY, which PostgreSQL does not prepare."""
    return statement.words[0] == "copy"


def askable(statement: Statement) -> bytes:
    """Return the statement, or of a COPY one that reads or writes the same."""
    if not is_copy(statement):
        return statement.sql
    table = copied_table(statement)
    if table is None:
        return copied_query(statement).sql
    columns = [f'"{name}"' for name in copied_columns(statement)]
    listed = ", ".join(columns)
    if "stdin" not in statement.words:
        read = f"select {listed} from {table}" if columns else f"table {table}"  # noqa: S608  # its own names
        return read.encode()
    given = f"({listed}) values ({', '.join(['default'] * len(columns))})"
    return f"insert into {table} {given}".encode()
