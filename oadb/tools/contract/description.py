"""Descriptions of statements by PostgreSQL, without running them: parameters, columns, joins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import generators, pq
from psycopg.pq.abc import PGresult

from oadb.engine.binding import explaining
from oadb.engine.binding.statements import Statement
from oadb.tools import lock_holders
from oadb.tools.contract.padding import Plan

# The unnamed prepared statement: each PREPARE replaces it, so none is left behind.
_UNNAMED = b""
_EXPLAINED = "oadb_explained"

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result. For an expression, ``table_id`` and ``number`` are 0."""

    name: str
    type_id: int
    table_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Description:
    """The parameters and columns of a statement; ids of types and tables are oids."""

    parameters: tuple[int, ...]
    columns: tuple[Column, ...]


def describe(connection: Connection, statement: Statement) -> Description:
    """Prepare a statement and describe it.

    Raises:
        psycopg.Error: the server rejects the statement.
    """
    return _described(connection, statement.sql)


def describe_view(connection: Connection, definition: str) -> tuple[Column, ...]:
    """Return the columns of the view with the query *definition*, in order."""
    return _described(connection, definition.encode()).columns


def generic_plan(connection: Connection, statement: Statement) -> Plan | None:
    """Return the plan for any parameters, with all partitions.

    Returns:
        None if the server does not plan it: the parameters are null, which a domain refuses, or the
        role may not read a table.

    Raises:
        psycopg.Error: the connection was lost, the server does not answer, or a lock is not free.
    """
    nulls = ["null"] * len(statement.params)
    text = explaining.explain_prepared(_EXPLAINED, nulls, "generic", prunes=False)
    # In one transaction, which is one session of the server also through a pooler; and prepared in
    # SQL, because a pooler may give what libpq prepares another name.
    with connection.transaction(), psycopg.RawCursor(connection) as cursor:
        cursor.execute(b"prepare " + _EXPLAINED.encode() + b" as " + statement.sql)
        try:
            with connection.transaction():
                cursor.execute(text.encode())
                while cursor.nextset():
                    pass  # to the answer to EXPLAIN, the last
                found = cast("tuple[list[dict[str, Plan]]]", cursor.fetchone())
        except psycopg.Error as error:
            if error.sqlstate in {None, lock_holders.LOCKED}:
                raise
            found = None
        cursor.execute(f"deallocate {_EXPLAINED}".encode())
    return found and found[0][0]["Plan"]


def _described(connection: Connection, sql: bytes) -> Description:
    with connection.transaction():  # as above
        connection.pgconn.send_prepare(_UNNAMED, sql)
        _answer(connection)
        connection.pgconn.send_describe_prepared(_UNNAMED)
        result = _answer(connection)
    return Description(
        parameters=tuple(result.param_type(number) for number in range(result.nparams)),
        columns=tuple(_columns(result)),
    )


def _columns(result: PGresult) -> Iterator[Column]:
    for number in range(result.nfields):
        yield Column(
            name=(result.fname(number) or b"").decode(),
            type_id=result.ftype(number),
            table_id=result.ftable(number),
            number=result.ftablecol(number),
        )


def _answer(connection: Connection) -> PGresult:
    """Wait for the answer to what was sent, as the connection waits: libpq itself has no limit."""
    result: PGresult
    (result,) = connection.wait(generators.execute(connection.pgconn))
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    return result
