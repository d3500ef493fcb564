"""How a bound query meets a leased connection: sent, fetched, streamed or copied."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import psycopg

from oadb.engine import wire
from oadb.engine.driver import Io
from oadb.engine.pool.connections import LinkState

# Rows that a stream asks for at a time: some hundred kilobytes, one round trip.
_BATCH = 2000


async def run(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...], prelude: list[wire.Control]
) -> Any:
    """Run *query* and return what it promises: one round trip.

    *prelude* (a BEGIN, a SAVEPOINT) travels along, and is emptied when it is sent.
    """
    if query.is_copy:
        return await _copy_in(io, connection, query, params, prelude)
    known = _known(connection, query)
    try:
        values = known.dump(params)
    except (UnicodeEncodeError, psycopg.DataError):
        values = None
    if values is None:
        # Raised here and not where psycopg raised: its error carries the value.
        raise query.unsendable(params)
    prepares = connection.state.prepares
    sent = wire.exchange(connection.pgconn, known, query.sql, values, prelude, prepares=prepares)
    result = await io.converse(connection, sent)
    if query.fetches:
        return query.conclude(query.label, known.load(result, query.make), 0)
    return query.conclude(query.label, [], result.command_tuples or 0)


async def stream(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...]
) -> AsyncGenerator[Any, None]:
    """Yield rows from a server-side cursor, or the blocks of a COPY ... TO STDOUT."""
    rows = (
        _copy_out(io, connection, query) if query.is_copy else _fetch(io, connection, query, params)
    )
    async with aclosing(rows):
        async for row in rows:
            yield row


async def control(io: Io, connection: Any, statements: list[wire.Control]) -> None:
    """Send *statements*, if there are any, in one round trip; the list is emptied."""
    if statements:
        sent = wire.control(connection.pgconn, statements.copy())
        statements.clear()
        await io.converse(connection, sent)


async def _fetch(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...]
) -> AsyncGenerator[Any, None]:
    state: LinkState = connection.state
    state.streams += 1
    # Numbered, so that two streams can be open in one transaction.
    name = f"{query.cursor_name}{state.streams % 10**9:09}"
    cursor = io.server_cursor(connection, name, row_factory=query.row_factory)
    async with io.entered(cursor):
        if not await _declared(io, cursor, query, params):
            raise query.unsendable(params)
        rows = [None] * _BATCH
        while len(rows) == _BATCH:
            rows = await io.call(cursor.fetchmany, _BATCH)
            for row in rows:
                yield row


async def _declared(io: Io, cursor: Any, query: Any, params: tuple[Any, ...]) -> bool:
    """Declare a server-side cursor; return False if a value cannot be sent as text."""
    try:
        await io.call(cursor.execute, query.sql.decode(), params)
    except UnicodeEncodeError:
        return False
    except psycopg.DataError as error:
        if error.sqlstate is not None:
            raise
        return False
    return True


async def _copy_out(io: Io, connection: Any, query: Any) -> AsyncGenerator[bytes, None]:
    async with (
        io.entered(connection.cursor()) as cursor,
        io.entered(cursor.copy(query.sql)) as copy,
    ):
        while block := await io.read_block(copy):
            yield block


async def _copy_in(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...], prelude: list[wire.Control]
) -> Any:
    await control(io, connection, prelude)
    async with io.entered(connection.cursor()) as cursor:
        async with io.entered(cursor.copy(query.sql)) as copy:
            await io.write(copy, params[0], blocks=query.takes_blocks)
        return query.conclude(query.label, [], cursor.rowcount)


def _known(connection: Any, query: Any) -> wire.Known:
    """Return *query* as *connection* knows it; there is one prepared statement for each query."""
    statements: dict[Any, wire.Known] = connection.state.statements
    known = statements.get(query)
    if known is None:
        # Numbered: two modules of a test may share a name.
        name = f"{query.label} {len(statements)}"
        known = statements[query] = wire.Known.new(connection, name)
    return known
