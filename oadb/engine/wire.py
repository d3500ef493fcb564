"""One round trip: sends a bound statement to the server and receives its result.

psycopg's cursors look up and convert the statement and rebuild the converters of its values and
rows for each call; a statement that never changes needs that only once. Its Parse, and a BEGIN
before it, are sent together with it, in libpq's pipeline mode.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import psycopg
from psycopg import generators, pq, waiting

from oadb.engine.prepared_statements import PreparedStatement

_DONE = pq.ExecStatus.COMMAND_OK
_FAILED = pq.ExecStatus.FATAL_ERROR

Exchange = Generator[Any, Any, Any]

Setups = dict[bytes, bytes]
"""The names by which a session has prepared setup statements, by their text."""

# No name is used twice: the server may have parsed it, if that was interrupted.
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class SetupStatement:
    """A statement that is sent before another one: BEGIN, a savepoint, an identity.

    Attributes:
        is_repeated: Whether it is worth being prepared: its text is one of a few, and comes often.
    """

    sql: bytes
    params: tuple[bytes | None, ...] = ()
    is_repeated: bool = False

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
    setups: Setups | None = None,
) -> Exchange:
    """Send a statement, after those of *prelude* and before those of *then*; return its result.

    Args:
        prelude: emptied when it is sent.
        setups: those of *prelude* that are repeated are prepared, and added; None: none is.

    Raises:
        psycopg.Error: the server's first report.
    """
    commands, parsed = _prelude(pgconn, prelude, setups)
    parsing = _statement(commands, pgconn, prepared, sql, values, prepares=prepares)
    place = len(commands) - 1
    commands += _commands(pgconn, then or ())
    answers = yield from _pipeline(pgconn, commands, prelude)
    # Before the results are checked: what was parsed stays so even if its execution failed.
    if parsing is not None:
        prepared.parsed = answers[parsing][0].status == _DONE
    for at, (text, name) in parsed.items():
        if setups is not None and answers[at][0].status == _DONE:
            setups[text] = name
    return [answer_of(results) for results in answers][place]


def behind(
    pgconn: Any,
    prelude: list[SetupStatement],
    setups: Setups | None,
    prepared: PreparedStatement,
    values: Any,
) -> Exchange:
    """Send a statement that the server has parsed, behind those of *prelude*; return its results.

    What ``exchange`` does, in the usual case: of each transaction, its first statement.

    Raises:
        psycopg.Error: the server's first report on what stands before the statement.
    """
    fetch_many, names = generators.fetch_many, setups or {}
    pgconn.enter_pipeline_mode()
    try:
        for each in prelude:
            name = names.get(each.sql)
            if name is None:
                pgconn.send_query_params(each.sql, [*each.params])
            else:
                pgconn.send_query_prepared(name, each.params)
        prepared.send(pgconn, values)
        pgconn.pipeline_sync()
        sent = len(prelude)
        prelude.clear()  # as in _pipeline
        yield from generators.send(pgconn)
        answers: list[Any] = []
        for _ in range(sent):
            results = yield from fetch_many(pgconn)
            answers.append(results)
        answer = yield from fetch_many(pgconn)
        yield from fetch_many(pgconn)  # the end of the pipeline
    finally:
        leave_pipeline(pgconn)
    for each in answers:
        answer_of(each)
    return answer


def _prelude(
    pgconn: Any, prelude: Sequence[SetupStatement], setups: Setups | None
) -> tuple[list[Callable[[], None]], dict[int, tuple[bytes, bytes]]]:
    """Return the commands of setup statements, and what is parsed: text and name, by its place."""
    if setups is None:
        return _commands(pgconn, prelude), {}
    commands: list[Callable[[], None]] = []
    parsed: dict[int, tuple[bytes, bytes]] = {}
    for each in prelude:
        name = setups.get(each.sql)
        if name is None and each.is_repeated:
            name = b"setup %d" % next(_numbers)
            parsed[len(commands)] = each.sql, name
            commands.append(partial(pgconn.send_prepare, name, each.sql))
        if name is None:
            commands += _commands(pgconn, [each])
        else:
            commands.append(partial(pgconn.send_query_prepared, name, each.params))
    return commands, parsed


def _statement(
    commands: list[Callable[[], None]],
    pgconn: Any,
    prepared: PreparedStatement,
    sql: bytes,
    values: Any,
    *,
    prepares: bool,
) -> int | None:
    """Add the commands of a statement, itself the last; return the place of its Parse if any."""
    formats = prepared.converters.formats
    parsing = len(commands) if prepares and not prepared.parsed else None
    if parsing is not None:
        prepared.rename()
        commands.append(partial(pgconn.send_prepare, prepared.name, sql))
    commands.append(
        partial(prepared.send, pgconn, values)
        if prepares  # a pooler keeps no prepared statements
        else partial(pgconn.send_query_params, sql, values, param_formats=formats)
    )
    return parsing


def are_prepared(prelude: Sequence[SetupStatement], setups: Setups) -> bool:
    """Say whether the server has prepared all of *prelude* that are repeated."""
    for each in prelude:  # noqa: SIM110  # all() of a generator is slower
        if each.is_repeated and each.sql not in setups:
            return False
    return True


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
