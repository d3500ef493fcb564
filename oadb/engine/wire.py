"""One round trip: how a bound statement goes to the server, and how its answer comes back.

psycopg's cursors look a statement up, convert it, and rebuild their converters of values and rows
for each call; a statement that never changes needs that once. Its Parse, and a BEGIN in front of
it, travel in the same burst as the statement itself, through libpq's pipeline mode.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import generators, pq
from psycopg.adapt import PyFormat, Transformer

_FAILED = pq.ExecStatus.FATAL_ERROR

Exchange = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class SetupStatement:
    """A statement that prepares the ground for others: BEGIN, a savepoint, an identity."""

    sql: bytes
    params: tuple[bytes, ...] = ()


@dataclass(slots=True)
class PreparedStatement:
    """A statement as one connection knows it: its name there, and psycopg's converters."""

    name: bytes
    converters: Any
    parsed: bool = False
    answered: bool = False

    @classmethod
    def new(cls, connection: Any, name: str) -> "PreparedStatement":
        """Return what *connection* knows of a statement that it has not seen."""
        return cls(name.encode(), Transformer(connection))

    def dump(self, params: tuple[Any, ...]) -> Any:
        """Return *params* as libpq takes them.

        Raises UnicodeEncodeError and psycopg.DataError, both of which quote the value.
        """
        return self.converters.dump_sequence(params, [PyFormat.AUTO] * len(params))

    def load(self, result: Any, make: Callable[[Any], Any]) -> list[Any]:
        """Return the rows of *result*, each made by *make* from its values.

        What a prepared statement returns never changes, so its converters are chosen once.
        """
        self.converters.set_pgresult(result, set_loaders=not (self.answered and self.parsed))
        self.answered = True
        rows: list[Any] = self.converters.load_rows(0, result.ntuples, make)
        # Otherwise a large result would be kept until the next call.
        self.converters.set_pgresult(None, set_loaders=False)
        return rows


def exchange(
    pgconn: Any,
    prepared: PreparedStatement,
    sql: bytes,
    values: Any,
    prelude: list[SetupStatement],
    *,
    prepares: bool,
) -> Exchange:
    """Send a statement, after the statements of *prelude*, and return its result.

    *prelude* is emptied as it is sent. Raises psycopg.Error with the server's report.
    """
    if prepared.parsed and not prelude:
        return _ask(pgconn, prepared, values)
    if prepares:
        return _ask_in_burst(pgconn, prepared, sql, values, prelude)
    return _ask_unprepared(pgconn, prepared, sql, values, prelude)


def control(pgconn: Any, statements: list[SetupStatement]) -> Exchange:
    """Send *statements* at once. Raises psycopg.Error with the server's first report."""
    for answer in (yield from _burst(pgconn, _commands(pgconn, statements))):
        _judged(answer)


def _commands(pgconn: Any, statements: list[SetupStatement]) -> list[Callable[[], None]]:
    return [partial(pgconn.send_query_params, each.sql, each.params) for each in statements]


def _ask(pgconn: Any, prepared: PreparedStatement, values: Any) -> Exchange:
    """Send a statement that the server has parsed: the usual case."""
    pgconn.send_query_prepared(prepared.name, values, param_formats=prepared.converters.formats)
    return _judged((yield from generators.execute(pgconn)))


def _ask_in_burst(
    pgconn: Any, prepared: PreparedStatement, sql: bytes, values: Any, prelude: list[SetupStatement]
) -> Exchange:
    """Send *prelude*, have the statement parsed if need be, and send it."""
    formats = prepared.converters.formats
    commands = _commands(pgconn, prelude)
    prelude.clear()
    if not prepared.parsed:
        commands.append(partial(pgconn.send_prepare, prepared.name, sql))
    commands.append(
        partial(pgconn.send_query_prepared, prepared.name, values, param_formats=formats)
    )
    answers = yield from _burst(pgconn, commands)
    # Also when the statement failed: once parsed it stays so, whatever becomes of its use.
    prepared.parsed = prepared.parsed or answers[-2][0].status == pq.ExecStatus.COMMAND_OK
    return [_judged(answer) for answer in answers][-1]


def _ask_unprepared(
    pgconn: Any, prepared: PreparedStatement, sql: bytes, values: Any, prelude: list[SetupStatement]
) -> Exchange:
    """Send *prelude* and the statement, through a pooler that cannot keep it prepared."""
    formats = prepared.converters.formats
    commands = _commands(pgconn, prelude)
    prelude.clear()
    commands.append(partial(pgconn.send_query_params, sql, values, param_formats=formats))
    answers = yield from _burst(pgconn, commands)
    return [_judged(answer) for answer in answers][-1]


def _burst(pgconn: Any, commands: Sequence[Callable[[], None]]) -> Exchange:
    """Send all *commands* at once and return the results of each."""
    pgconn.enter_pipeline_mode()
    try:
        for command in commands:
            command()
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        answers: list[Any] = []
        for _ in commands:
            results = yield from generators.fetch_many(pgconn)
            answers.append(results)
        yield from generators.fetch_many(pgconn)  # the end of the burst
        return answers
    finally:
        _leave_pipeline(pgconn)


def _leave_pipeline(pgconn: Any) -> None:
    """End pipeline mode; a connection with answers still to come can only be closed."""
    with suppress(psycopg.Error):
        pgconn.exit_pipeline_mode()
    if pgconn.status == pq.ConnStatus.OK and pgconn.pipeline_status != pq.PipelineStatus.OFF:
        pgconn.finish()


def _judged(results: list[Any]) -> Any:
    """Return the one result of a statement. Raises psycopg.Error if it is a failure."""
    for result in results:
        if result.status == _FAILED:
            raise psycopg.errors.error_from_result(result)
    return results[0]
