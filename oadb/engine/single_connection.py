"""A single connection, for tools that need one session: its locks and settings."""

from typing import Any

import psycopg

from oadb.engine import execution, failures
from oadb.engine.driver import BlockingDriver, drive
from oadb.engine.executors import Runner
from oadb.engine.pool.connection_terms import ConnectionTerms
from oadb.engine.pool.outage import Outage


class SingleConnection(Runner):
    """Runs declared queries on one connection; it neither begins nor ends a transaction.

    ``prepares`` is False behind a pooler, where others would meet its prepared statements.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, prepares: bool = True) -> None:
        self._driver = BlockingDriver()
        self._connection = connection
        state = ConnectionTerms(Outage(), prepares=prepares).accept(connection.pgconn)
        state.close()  # no watchdog looks after it
        setattr(connection, "state", state)  # noqa: B010  # psycopg's class does not declare it

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query and return what its declaration promises.

        Raises:
            ParameterError: a value that cannot be sent.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            psycopg.Error: what the server or libpq reports, without row data.
        """
        try:
            return drive(execution.run(self._driver, self._connection, query, params, []))
        except psycopg.Error as error:
            failure = failures.scrubbed(error, query.label, query.place_at)
        raise failure
