"""Questions that the server hears after a commit, in the same round trip, or by themselves."""

from typing import Any

from psycopg import generators
from psycopg.pq import ExecStatus

from oadb.engine import wire
from oadb.engine.prepared_statements import PreparedStatement
from oadb.engine.wire import Exchange, SetupStatement


def exchange_and_ask(
    pgconn: Any,
    prepared: PreparedStatement,
    sql: bytes,
    values: Any,
    prelude: list[SetupStatement],
    question: SetupStatement,
    *,
    prepares: bool,
) -> Exchange:
    """Send a statement as ``exchange`` does, and a question that the server hears after its commit.

    Returns:
        Its result, and that of the question, which may be an error.

    Raises:
        psycopg.Error: the server's first report on the statement.
    """
    commands = wire._commands(pgconn, prelude)
    parsing = wire._statement(commands, pgconn, prepared, sql, values, prepares=prepares)
    commands += [pgconn.pipeline_sync, *wire._commands(pgconn, [question])]
    *answers, _, asked = yield from wire._pipeline(pgconn, commands, prelude)
    if parsing is not None:
        prepared.parsed = answers[parsing][0].status == ExecStatus.COMMAND_OK
    return [wire.answer_of(results) for results in answers][-1], asked[0]


def set_up_and_ask(
    pgconn: Any, statements: list[SetupStatement], question: SetupStatement
) -> Exchange:
    """Send *statements* that end with COMMIT, and a question; return the answer to this.

    Raises:
        psycopg.Error: the server's first report on a statement; of the question none is raised.
    """
    commands = [*wire._commands(pgconn, statements), pgconn.pipeline_sync]
    commands += wire._commands(pgconn, [question])
    *answers, _, asked = yield from wire._pipeline(pgconn, commands, statements)
    for results in answers:
        wire.answer_of(results)
    return asked[0]


def ask(pgconn: Any, question: SetupStatement) -> Exchange:
    """Send a question by itself, and return the answer.

    Raises:
        psycopg.Error: the server's report.
    """
    pgconn.send_query_params(question.sql, [*question.params])
    return wire.answer_of((yield from generators.execute(pgconn)))
