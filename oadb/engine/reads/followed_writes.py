"""Writes of a Database with replicas, whose positions in the log are noted for its reads."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from oadb.engine import execution, questions
from oadb.engine.driver import Driver
from oadb.engine.pool.commits import COMMIT_POINT, Commits
from oadb.engine.reads.wrapped_calls import WrappedCall
from oadb.engine.wire import SetupStatement


class FollowedWrite(WrappedCall):
    """A write of a Database with replicas, after whose commit its position is noted."""

    def __init__(self, query: Any, params: tuple[Any, ...], commits: Commits) -> None:
        super().__init__(query, params)
        self.is_copy = query.is_copy
        self._commits = commits

    async def run(self, driver: Driver, connection: Any, prelude: list[SetupStatement]) -> Any:
        """Run the write, and ask for its position: in the same round trip where that is possible.

        Raises:
            ParameterError: a value that cannot be sent.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            psycopg.Error: the server's report, with row data.
        """
        try:
            if self._query.special is None:
                return await self._run_and_ask(driver, connection, prelude)
            result = await execution.run(driver, connection, self._query, self._params, prelude)
        except BaseException as error:
            is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if not (is_idle and isinstance(error, psycopg.Error)):
                self._commits.doubt()
            raise
        await ask_later(driver, connection, self._commits)
        return result

    async def _run_and_ask(
        self, driver: Driver, connection: Any, prelude: list[SetupStatement]
    ) -> Any:
        query, state = self._query, connection.state
        encoded = execution.dumped(connection, query, self._params, query.label)
        exchange = questions.exchange_and_ask(
            connection.pgconn,
            encoded.prepared,
            query.wire_sql,
            encoded.values,
            prelude,
            COMMIT_POINT,
            prepares=state.prepares,
        )
        result, position = await driver.run_exchange(connection, exchange)
        if state.is_observed:
            state.answer = result
        self._commits.record(position)
        return execution.returned(encoded.prepared, query, result, self._params, query.label)


async def ask_later(driver: Driver, connection: Any, commits: Commits) -> None:
    """Note the position of a commit in a round trip of its own; what was committed stays."""
    try:
        answer = await driver.run_exchange(
            connection, questions.ask(connection.pgconn, COMMIT_POINT)
        )
    except psycopg.Error:
        connection.state.is_spoiled = True
        commits.doubt()
    else:
        commits.record(answer)
