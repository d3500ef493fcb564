"""Streams of rows, or of the blocks of a COPY, read a batch at a time on a leased connection.

No async generators: an async generator inside of another one that is garbage collected is closed
by two tasks at once.
"""

import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import psycopg
from psycopg.rows import tuple_row

from oadb.engine import result_formats, wire
from oadb.engine.driver import Driver
from oadb.engine.pool.connection_terms import ConnectionState

# Rows that are fetched in one round trip: some hundred kilobytes.
_BATCH = 2000

# Bytes of a COPY that are received at a time: single rows would cost more than receiving them.
_BLOCK = 65536


class RowSource(Protocol):
    """What a RowStream reads."""

    async def open(self) -> None:
        """Begin to read."""

    async def read(self) -> Sequence[Any]:
        """Return the next rows; none at the end."""
        ...

    async def close(self) -> None:
        """Stop reading; in a handler of an exception, because of that."""


class RowStream:
    """The rows of a bound query.

    Args:
        failure_of: turns an error of psycopg into the one to raise.
    """

    def __init__(self, source: RowSource, failure_of: Callable[[psycopg.Error], Exception]) -> None:
        self._source = source
        self._failure_of = failure_of

    async def open(self) -> None:
        """Begin to read."""
        await self.guarded(self._source.open())

    async def read(self) -> Sequence[Any]:
        """Return the next rows; none at the end."""
        rows: Sequence[Any] = await self.guarded(self._source.read())
        return rows

    async def close(self) -> None:
        """Stop reading, before another caller gets the connection.

        An exception that ended the reading, such as Ctrl-C, is not replaced by a failure to stop.
        """
        reason = sys.exc_info()[1]
        try:
            await self.guarded(self._source.close())
        except Exception:
            if isinstance(reason, GeneratorExit | None):
                raise

    async def guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await *work* on the connection, with the errors of the stream."""
        try:
            return await work
        except psycopg.Error as error:
            failure = self._failure_of(error)
        # Not in the except clause: the server's report, with row data, would become the context.
        raise failure


class CursorRows:
    """Reads from a server-side cursor."""

    def __init__(
        self, driver: Driver, connection: Any, query: Any, params: tuple[Any, ...]
    ) -> None:
        state: ConnectionState = connection.state
        state.streams += 1
        # Numbered, because two streams can be open in one transaction.
        name = f"{query.cursor_name}{state.streams % 10**9:09}"

        self._cursor = driver.server_cursor(connection, name, row_factory=tuple_row)
        self._driver, self._query = driver, query
        self._params = params if query.pick is None else query.pick(params)
        self._is_complete = False

    async def open(self) -> None:
        """Declare the cursor.

        Raises:
            ParameterError: a value cannot be sent as text.
        """
        try:
            await self._driver.call(
                self._cursor.execute, self._query.wire_sql.decode(), self._params
            )
        except ValueError:
            pass
        except psycopg.DataError as error:
            if error.sqlstate is not None:
                raise
        else:
            self._choose_format()
            return
        # Not in an except clause: psycopg's error, its context there, carries the value.
        raise self._query.unsendable(self._params)

    def _choose_format(self) -> None:
        """Ask for the rows in the format that suits their columns, which are known now."""
        columns = self._cursor.pgresult
        self._cursor._format = result_formats.of(columns)
        self._cursor._tx.set_pgresult(columns, format=self._cursor._format)

    async def read(self) -> Sequence[Any]:
        """See RowSource."""
        if self._is_complete:
            return ()
        rows: Sequence[Any] = await self._driver.call(self._cursor.fetchmany, _BATCH)
        self._is_complete = len(rows) < _BATCH
        made: Sequence[Any] = self._query.make_all(rows)
        return made

    async def close(self) -> None:
        """See RowSource."""
        try:
            await self._driver.call(self._cursor.close)
        finally:
            self._cursor._close()  # psycopg warns of a cursor that it could not close


class CopiedBlocks:
    """Reads the blocks of a COPY ... TO STDOUT."""

    def __init__(self, driver: Driver, connection: Any, query: Any) -> None:
        self._driver, self._connection = driver, connection
        self._state: ConnectionState = connection.state
        self._copying = driver.entered(connection.cursor().copy(query.wire_sql))
        self._copy: Any = None
        self._is_complete = False

    async def open(self) -> None:
        """See RowSource."""
        self._copy = await self._copying.__aenter__()

    async def read(self) -> Sequence[Any]:
        """See RowSource."""
        block = b"".join(await self._lines())
        return (block,) if block else ()

    async def close(self) -> None:
        """See RowSource. After a cancellation the connection is replaced: psycopg would wait."""
        reason = sys.exc_info()
        if isinstance(reason[1], Exception | GeneratorExit | None):
            if self._copy is not None:
                await self._copying.__aexit__(*reason)
        else:
            self._state.is_spoiled = True

    async def _lines(self) -> list[memoryview]:
        """Receive the next rows, each in the format of the COPY; none at its end."""
        if self._is_complete:
            return []
        connection = self._connection  # which is locked as long as it copies
        exchange = wire.copied(connection.pgconn, _BLOCK)
        lines: list[memoryview]
        lines, self._is_complete = await self._driver.call(connection.wait, exchange)
        return lines


class CopiedRows(CopiedBlocks):
    """Reads the rows of a COPY ... TO STDOUT."""

    def __init__(self, driver: Driver, connection: Any, query: Any) -> None:
        super().__init__(driver, connection, query)
        self._query = query

    async def open(self) -> None:
        """See RowSource."""
        await super().open()
        self._copy.set_types(self._query.row_types)

    async def read(self) -> Sequence[Any]:
        """See RowSource."""
        made: Sequence[Any] = self._query.make_all(self._loaded(await self._lines()))
        return made

    def _loaded(self, lines: list[memoryview]) -> list[Any]:
        """Return the values of rows.

        Without a backslash there are no nulls and no escapes, also of tabs and of ends of lines.
        """
        block = b"".join(lines)
        if b"\\" in block or not block:
            return [*map(self._copy.formatter.parse_row, lines)]
        load = self._copy.formatter.transformer.load_sequence
        return [load(line.split(b"\t")) for line in block[:-1].split(b"\n")]
