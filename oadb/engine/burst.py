"""Statements that are sent together: one round trip, one implicit transaction.

The server runs them in order while the next ones are sent, and nothing of them stays if one fails.
Their results are received after the last one was sent.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from psycopg import generators, pq

from oadb.engine.prepared_statements import PreparedStatement
from oadb.engine.wire import (
    Exchange,
    SetupStatement,
    is_failed,
    leave_pipeline,
)


class Encoded(NamedTuple):
    """The values of one call in the form that libpq takes, for a prepared statement."""

    prepared: PreparedStatement
    values: Sequence[Any]
    formats: Sequence[Any]


class Burst:
    """Sends statements on one connection, and then receives all results.

    Args:
        prepares: whether the statements stay prepared; a pooler keeps none after the burst.
    """

    def __init__(self, pgconn: Any, *, prepares: bool) -> None:
        self._pgconn = pgconn
        self._prepares = prepares
        self._last: PreparedStatement | None = None
        self._parsed: dict[int, PreparedStatement] = {}
        # How many commands were sent, and how many when each statement had been.
        self._sent = 0
        self._ends: list[int] = []
        self.is_ending = False

    def begin(self, prelude: list[SetupStatement]) -> None:
        """Hand libpq what comes before the first statement; *prelude* is emptied.

        From here on the connection must come to ``finish``, or be abandoned.
        """
        self._pgconn.enter_pipeline_mode()
        self.set_up(prelude)
        prelude.clear()

    def set_up(self, statements: Sequence[SetupStatement]) -> None:
        """Hand libpq statements that belong to the next one."""
        for each in statements:
            self._pgconn.send_query_params(each.sql, [*each.params])
        self._sent += len(statements)

    def put(self, encoded: Encoded, sql: bytes) -> None:
        """Hand libpq a statement."""
        prepared = encoded.prepared
        if self._prepares:
            if not prepared.parsed and prepared is not self._last:
                self._prepare(prepared, sql)
            name = prepared.name
        else:
            name = b""
            if prepared is not self._last:
                self._pgconn.send_prepare(name, sql)
                self._sent += 1
        self._last = prepared
        self._pgconn.send_query_prepared(
            name,
            encoded.values,
            param_formats=encoded.formats,
            result_format=prepared.result_format,
        )
        self._sent += 1
        self._ends.append(self._sent)

    def end(self, statement: SetupStatement) -> None:
        """Hand libpq a statement without values that has a result of its own: COMMIT."""
        self.set_up([statement])
        self._ends.append(self._sent)

    def flush(self) -> Exchange:
        """Send what libpq has; the server begins to run it."""
        yield from generators.send(self._pgconn)

    def finish(self) -> Exchange:
        """Send the rest; return a result for each statement, of which one or more may be errors.

        A statement has the result of the first of its commands that failed.
        """
        pgconn, self.is_ending = self._pgconn, True
        try:
            pgconn.pipeline_sync()
            yield from generators.send(pgconn)
            answers: list[Any] = []
            for _ in range(self._sent):
                results = yield from generators.fetch_many(pgconn)
                answers.append(results[0])
            yield from generators.fetch_many(pgconn)  # the end of the pipeline
        finally:
            leave_pipeline(pgconn)
        for place, prepared in self._parsed.items():
            prepared.parsed = answers[place].status == pq.ExecStatus.COMMAND_OK
        if len(answers) == len(self._ends):
            return answers
        parts = (answers[start:end] for start, end in pairwise([0, *self._ends]))
        return [next(filter(is_failed, part), part[-1]) for part in parts]

    def abandon(self) -> None:
        """Close the connection, unless all results were received."""
        leave_pipeline(self._pgconn)

    def _prepare(self, prepared: PreparedStatement, sql: bytes) -> None:
        if all(each is not prepared for each in self._parsed.values()):
            prepared.rename()
            self._pgconn.send_prepare(prepared.name, sql)
            self._parsed[self._sent] = prepared
            self._sent += 1
