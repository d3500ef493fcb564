"""One round trip: sends a bound statement to the server and receives its result.

psycopg's cursors look up and convert the statement and rebuild the converters of its values and
rows for each call; a statement that never changes needs that only once. Its Parse, and a BEGIN
before it, are sent together with it, in libpq's pipeline mode.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import generators, pq, waiting

from oadb.engine.prepared_statements import PreparedStatement

_FAILED = pq.ExecStatus.FATAL_ERROR

Exchange = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class SetupStatement:
    """A statement that is sent before another one: BEGIN, a savepoint, an identity."""

    sql: bytes
    params: tuple[bytes | None, ...] = ()

    def send(self, pgconn: Any, _values: object) -> None:
        """Hand libpq one that has no values, and is sent alone."""
        pgconn.send_query(self.sql)


@dataclass(frozen=True, slots=True)
class Begin(SetupStatement):
    """A BEGIN. ``isolation`` None: the server's default."""

    isolation: str | None = None


def exchange(
    pgconn: Any,
    prepared: PreparedStatement,
    sql: bytes,
    values: Any,
    prelude: list[SetupStatement],
    then: tuple[SetupStatement, ...] | None = None,
    *,
    prepares: bool,
) -> Exchange:
    """Send a statement, after those of *prelude* and before those of *then*; return its result.

    Args:
        prelude: emptied when it is sent.

    Raises:
        psycopg.Error: the server's first report.
    """
    commands, parsing = _statement(pgconn, prepared, sql, values, prelude, prepares=prepares)
    place = len(commands) - 1
    commands += _commands(pgconn, then or ())
    answers = yield from _pipeline(pgconn, commands, prelude)
    if parsing is not None:
        # Before the results are checked: a statement stays parsed even if its execution failed.
        prepared.parsed = answers[parsing][0].status == pq.ExecStatus.COMMAND_OK
    return [answer_of(results) for results in answers][place]


def behind(
    pgconn: Any, prelude: list[SetupStatement], prepared: PreparedStatement, values: Any
) -> Exchange:
    """Send a statement that the server has parsed, behind those of *prelude*; return its results.

    What ``exchange`` does, in the usual case: of each transaction, its first statement.

    Raises:
        psycopg.Error: the server's first report on what stands before the statement.
    """
    fetch_many = generators.fetch_many
    pgconn.enter_pipeline_mode()
    try:
        for each in prelude:
            pgconn.send_query_params(each.sql, [*each.params])
        prepared.send(pgconn, values)
        pgconn.pipeline_sync()
        sent = prelude[:]
        prelude.clear()  # as in _pipeline
        yield from generators.send(pgconn)
        answers: list[Any] = []
        for _ in sent:
            results = yield from fetch_many(pgconn)
            answers.append(results)
        answer = yield from fetch_many(pgconn)
        yield from fetch_many(pgconn)  # the end of the pipeline
    finally:
        leave_pipeline(pgconn)
    for each in answers:
        answer_of(each)
    return answer


def _statement(
    pgconn: Any,
    prepared: PreparedStatement,
    sql: bytes,
    values: Any,
    prelude: list[SetupStatement],
    *,
    prepares: bool,
) -> tuple[list[Callable[[], None]], int | None]:
    """Return the commands of a statement, itself the last, and the place of its Parse if any."""
    formats = prepared.converters.formats
    commands = _commands(pgconn, prelude)
    parsing = len(commands) if prepares and not prepared.parsed else None
    if parsing is not None:
        prepared.rename()
        commands.append(partial(pgconn.send_prepare, prepared.name, sql))
    commands.append(
        partial(prepared.send, pgconn, values)
        if prepares  # a pooler keeps no prepared statements
        else partial(pgconn.send_query_params, sql, values, param_formats=formats)
    )
    return commands, parsing


def set_up(pgconn: Any, statements: list[SetupStatement]) -> Exchange:
    """Send *statements* in one round trip; the list is emptied when they are sent.

    Raises:
        psycopg.Error: the server's first report.
    """
    for results in (yield from _pipeline(pgconn, _commands(pgconn, statements), statements)):
        answer_of(results)


def simple(pgconn: Any, statement: bytes) -> Exchange:
    """Send a statement without values and without a result: COMMIT or ROLLBACK.

    Raises:
        psycopg.Error: the server's report.
    """
    pgconn.send_query(statement)
    return answer_of((yield from generators.execute(pgconn)))


def copied(pgconn: Any, most: int) -> Exchange:
    """Receive rows of a COPY ... TO STDOUT: what the server has sent, until there are *most* bytes.

    Returns:
        The rows, at least one before the end, and whether that was reached.

    Raises:
        psycopg.Error: the server's report.
    """
    rows: list[memoryview] = []
    size, is_asked = 0, False
    while size < most:
        length, row = pgconn.get_copy_data(1)
        if length > 0:
            rows.append(row)
            size, is_asked = size + length, False
        elif length < 0:
            answer_of((yield from generators.fetch_many(pgconn)))
            return rows, True
        elif is_asked:
            return rows, False
        else:
            if not rows:
                yield waiting.Wait.R
            pgconn.consume_input()
            is_asked = bool(rows)
    return rows, False


def _commands(pgconn: Any, statements: Sequence[SetupStatement]) -> list[Callable[[], None]]:
    return [partial(pgconn.send_query_params, each.sql, [*each.params]) for each in statements]


def _pipeline(
    pgconn: Any, commands: Sequence[Callable[[], None]], prelude: list[SetupStatement]
) -> Exchange:
    """Send all *commands* together, and return the results of each.

    Args:
        prelude: emptied once libpq has them all. If the caller is interrupted before, they are sent
            with the next statement: a BEGIN that got lost would let that one commit by itself.
    """
    pgconn.enter_pipeline_mode()
    try:
        for command in commands:
            command()
        pgconn.pipeline_sync()
        prelude.clear()
        yield from generators.send(pgconn)
        answers: list[Any] = []
        for _ in commands:
            results = yield from generators.fetch_many(pgconn)
            answers.append(results)
        yield from generators.fetch_many(pgconn)  # the end of the pipeline
        return answers
    finally:
        leave_pipeline(pgconn)


def leave_pipeline(pgconn: Any) -> None:
    """End pipeline mode; a connection that still expects results is closed."""
    try:
        pgconn.exit_pipeline_mode()
    except psycopg.Error:
        if pgconn.status == pq.ConnStatus.OK:
            pgconn.finish()


def answer_of(results: list[Any]) -> Any:
    """Return the result of a statement.

    Raises:
        psycopg.Error: the server's report.
    """
    for result in results:
        if result.status == _FAILED:
            raise psycopg.errors.error_from_result(result)
    return results[0]


def is_failed(result: Any) -> bool:
    return bool(result.status == _FAILED)
