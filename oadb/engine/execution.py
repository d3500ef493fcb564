"""How a bound query meets a leased connection: sent, fetched, streamed or copied."""

from collections.abc import AsyncGenerator
from typing import Any

import psycopg

from oadb.engine.connections import LinkState
from oadb.engine.io import Io

# Rows that a stream asks for at a time: some hundred kilobytes, one round trip.
_BATCH = 2000

# A kept cursor holds its last result; beyond this many rows it is not kept.
_ROWS_WORTH_KEEPING = 1000


async def run(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...], prelude: list[bytes]
) -> Any:
    """Run *query* and return what it promises.

    *prelude* (a BEGIN, a SAVEPOINT) travels in the same round trip.
    """
    if query.is_copy:
        return await _copy_in(io, connection, query, params, prelude)
    cursor = _kept_cursor(io, connection, query)
    unsendable = not await _send(io, connection, cursor, query.sql, params, prelude)
    if unsendable:
        # Raised here and not where psycopg raised: its error carries the value.
        raise query.unsendable(params)
    rows: list[Any] = await io.call(cursor.fetchall) if query.result.fetches else []
    if len(rows) > _ROWS_WORTH_KEEPING:
        del connection.state.cursors[query]
    return query.result.conclude(query.label, rows, cursor.rowcount)


async def _send(
    io: Io, connection: Any, cursor: Any, sql: bytes, params: tuple[Any, ...], prelude: list[bytes]
) -> bool:
    """Execute; return False if a value cannot be written as text, before anything was sent."""
    try:
        if not prelude:
            await io.call(cursor.execute, sql, params)
            return True
        async with io.entered(connection.pipeline()):
            await control(io, connection, prelude)
            await io.call(cursor.execute, sql, params)
    except UnicodeEncodeError:
        return False
    except psycopg.DataError as error:
        if error.sqlstate is not None:
            raise
        return False
    return True


async def stream(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...]
) -> AsyncGenerator[Any, None]:
    """Yield rows from a server-side cursor, or the blocks of a COPY ... TO STDOUT."""
    rows = (
        _copy_out(io, connection, query) if query.is_copy else _fetch(io, connection, query, params)
    )
    async for row in rows:
        yield row


async def control(io: Io, connection: Any, statements: list[bytes]) -> None:
    """Send transaction control, which is never worth preparing."""
    for statement in statements:
        await io.call(connection.execute, statement, prepare=False)


async def _fetch(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...]
) -> AsyncGenerator[Any, None]:
    state: LinkState = connection.state
    state.streams += 1
    # Numbered, so that two streams can be open in one transaction.
    name = f"oadb_stream_{state.streams}"
    cursor = io.server_cursor(connection, name, row_factory=query.result.row_factory)
    async with io.entered(cursor):
        await io.call(cursor.execute, query.sql.decode(), params)
        while rows := await io.call(cursor.fetchmany, _BATCH):
            for row in rows:
                yield row


async def _copy_out(io: Io, connection: Any, query: Any) -> AsyncGenerator[bytes, None]:
    async with (
        io.entered(connection.cursor()) as cursor,
        io.entered(cursor.copy(query.sql)) as copy,
    ):
        while block := await io.call(copy.read):
            yield bytes(block)


async def _copy_in(
    io: Io, connection: Any, query: Any, params: tuple[Any, ...], prelude: list[bytes]
) -> Any:
    await control(io, connection, prelude)
    async with io.entered(connection.cursor()) as cursor:
        async with io.entered(cursor.copy(query.sql)) as copy:
            await io.write_rows(copy, params[0])
        return query.result.conclude(query.label, [], cursor.rowcount)


def _kept_cursor(io: Io, connection: Any, query: Any) -> Any:
    """Return the cursor that *connection* keeps for *query*.

    A cursor that runs the same bytes again keeps psycopg's converters of the row and saves a
    quarter of the call's time. It holds its last result, so it never leaves this module.
    """
    cursors = connection.state.cursors
    cursor = cursors.get(query)
    if cursor is None:
        cursor = cursors[query] = io.cursor(connection, row_factory=query.result.row_factory)
        # One prepared statement for each query; psycopg's fixed 100 would thrash beyond that.
        connection.prepared_max = max(connection.prepared_max, len(cursors))
    return cursor
