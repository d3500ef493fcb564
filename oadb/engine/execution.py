"""Runs a bound query on a leased connection: sends, fetches, streams or copies."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import generators
from psycopg.pq import TransactionStatus

from oadb.engine import wire
from oadb.engine.binding.dumpers import Sent
from oadb.engine.binding.guards import BEGIN_READ_ONLY, COMMIT, Guards
from oadb.engine.burst import Encoded
from oadb.engine.config import MARGIN
from oadb.engine.driver import Driver
from oadb.engine.prepared_statements import PreparedStatement
from oadb.engine.row_stream import CopiedBlocks, CopiedRows, CursorRows, RowSource
from oadb.errors import ParameterError

_IN_TRANSACTION = frozenset({TransactionStatus.INTRANS, TransactionStatus.ACTIVE})


async def run(
    driver: Driver,
    connection: Any,
    query: Any,
    params: tuple[Any, ...],
    prelude: list[wire.SetupStatement],
    *,
    then: tuple[wire.SetupStatement, ...] | None = None,
) -> Any:
    """Run *query* in one round trip, and return what its declaration promises.

    Args:
        prelude: statements to send before it in the same round trip; emptied when they are sent.
        then: what to send after it, whatever guards it has; None: what its guards ask for.

    Raises:
        ParameterError: a value that cannot be sent.
        psycopg.Error: the server's report, with row data.
    """
    if query.special is not None and then is None:
        return await _SPECIAL[query.special](driver, connection, query, params, prelude)
    prepared = prepared_on(connection, query)
    values = sendable(prepared, query, params)
    state = connection.state
    prepares, setups, sql = state.prepares, state.setups, query.wire_sql + state.mark
    exchange = wire.exchange(
        connection.pgconn, prepared, sql, values, prelude, then, prepares=prepares, setups=setups
    )
    result = await driver.run_exchange(connection, exchange)
    return returned(prepared, query, result, params, query.label)


def begin_parsed(
    connection: Any,
    query: Any,
    params: tuple[Any, ...],
    prelude: list[wire.SetupStatement],
    wait: Callable[..., Any] | None = None,
) -> Any:
    """Begin a call in the usual way: of what the server has parsed. None: it must be ``run``.

    Args:
        prelude: statements to send before it in the same round trip; emptied when they are sent.
        wait: ``exchange`` of a connection that others may use meanwhile; None: nobody does.

    Returns:
        What waits for the results, a list: of AsyncioDriver a coroutine, else they are there.

    Raises:
        ParameterError: a value that cannot be sent.
        psycopg.Error: the connection was lost.
    """
    prepared = connection.state.statements.get(query)
    if prepared is None or not prepared.parsed or query.special is not None:
        return None
    setups = connection.state.setups
    if prelude and setups is not None and not wire.are_prepared(prelude, setups):
        return None
    values, pgconn = sendable(prepared, query, params), connection.pgconn
    send: Callable[..., Any] = wait or connection.wait
    if prelude:
        return send(wire.behind(pgconn, prelude, setups, prepared, values))
    return send(generators.execute(pgconn), prepared, values)


def end_parsed(connection: Any, query: Any, results: list[Any], params: tuple[Any, ...]) -> Any:
    """Return what a call returns for its results.

    Raises:
        psycopg.Error: the server's report, with row data.
    """
    prepared = connection.state.statements[query]
    return returned(prepared, query, wire.answer_of(results), params, query.label)


def sendable(prepared: PreparedStatement, query: Any, params: tuple[Any, ...]) -> Any:
    """Return the values of a call in the form that libpq takes.

    Raises:
        ParameterError: a value that cannot be sent.
    """
    sent = params if query.pick is None else query.pick(params)
    try:
        return prepared.dump(sent)
    except (ValueError, psycopg.DataError):
        pass
    # Not raised in the except clause: psycopg's error, its context there, carries the value.
    raise query.unsendable(sent)


def returned(
    prepared: PreparedStatement, query: Any, result: Any, params: tuple[Any, ...], name: str
) -> Any:
    """Return what a call returns for the result of its statement; *name* is for errors."""
    if query.fetches:
        rows = prepared.load(result, query.make, query.make_all)
        return query.shape_result(name, rows, 0, params)
    return query.shape_result(name, [], result.command_tuples or 0, params)


async def _run_guarded(
    driver: Driver,
    connection: Any,
    query: Any,
    params: tuple[Any, ...],
    prelude: list[wire.SetupStatement],
) -> Any:
    """Run a query within its guards, and wait as long; they end with it within a transaction."""
    guards, state, pgconn = query.guards, connection.state, connection.pgconn
    first = next(iter(prelude), None)
    is_inside = pgconn.transaction_status in _IN_TRANSACTION or isinstance(first, wire.Begin)
    if guards.is_read_only and is_inside:
        prelude.append(BEGIN_READ_ONLY)
    prelude += guards.setups
    patience = state.patience
    state.patience = max(patience, (guards.timeout or 0) / 1000 + MARGIN)
    begin = None if is_inside else guards.begin
    if begin is not None:
        prelude.insert(0, begin)
    try:
        return await run(
            driver, connection, query, params, prelude, then=() if begin is None else (COMMIT,)
        )
    finally:
        state.patience = patience
        end_later(connection, guards, prelude)


def end_later(connection: Any, guards: Guards, prelude: list[wire.SetupStatement]) -> None:
    """End the guards of a statement with the next one of its transaction.

    Also if the statement was interrupted, and may still succeed.
    """
    if connection.pgconn.transaction_status in _IN_TRANSACTION:
        prelude += guards.ends


def dumped(connection: Any, query: Any, params: tuple[Any, ...], name: str) -> Encoded:
    """Return the values of a call in the form that libpq takes.

    Args:
        name: what errors call the query.

    Raises:
        ParameterError: a value that cannot be sent.
    """
    prepared = prepared_on(connection, query)
    try:
        values = sendable(prepared, query, params)
    except ParameterError as error:
        raise ParameterError(f"{name}{str(error).removeprefix(query.label)}") from None
    return Encoded(prepared, values, prepared.converters.formats)


def source(driver: Driver, connection: Any, query: Any, params: tuple[Any, ...]) -> RowSource:
    """Return what reads the rows of *query*, or the blocks of its COPY ... TO STDOUT."""
    if query.row_types is not None:
        return CopiedRows(driver, connection, query)
    if query.is_copy:
        return CopiedBlocks(driver, connection, query)
    return CursorRows(driver, connection, query, params)


async def set_up(driver: Driver, connection: Any, statements: list[wire.SetupStatement]) -> None:
    """Send *statements*, if there are any, in one round trip; the list is emptied."""
    if statements:
        await driver.run_exchange(connection, wire.set_up(connection.pgconn, statements))


async def _copy_in(
    driver: Driver,
    connection: Any,
    query: Any,
    params: tuple[Any, ...],
    prelude: list[wire.SetupStatement],
) -> Any:
    await set_up(driver, connection, prelude)
    async with driver.entered(connection.cursor()) as cursor:
        cursor._adapters = Sent.adapters  # a COPY has no types
        async with driver.entered(cursor.copy(query.wire_sql)) as copy:
            if query.row_encoder is None:
                await driver.write(copy, params[0], blocks=query.takes_blocks)
            else:
                await driver.write(copy, query.row_encoder.blocks(params[0]), blocks=True)
        return query.shape_result(query.label, [], cursor.rowcount, params)


async def _run_combined(
    driver: Driver,
    connection: Any,
    calls: Any,
    _params: tuple[Any, ...],
    prelude: list[wire.SetupStatement],
) -> Any:
    return await calls.run(driver, connection, prelude)


_SPECIAL = {"copy": _copy_in, "guards": _run_guarded, "combined": _run_combined}


def prepared_on(connection: Any, query: Any) -> PreparedStatement:
    """Return the prepared statement of *query* on *connection*; each query has its own."""
    statements: dict[Any, PreparedStatement] = connection.state.statements
    prepared = statements.get(query)
    if prepared is None:
        # Numbered, because two modules of tests may share a name, and in front, because the server
        # compares 63 bytes of a name: the labels of variants may differ behind them.
        name = f"{len(statements)} {query.label}"
        prepared = statements[query] = PreparedStatement.new(connection, name)
    return prepared
