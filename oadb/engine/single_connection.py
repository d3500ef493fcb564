"""A connection of its own, for a tool that needs what a session keeps: locks, settings."""

import math
from typing import Any

import psycopg

from oadb.engine import execution, failures
from oadb.engine.driver import BlockingDriver, drive
from oadb.engine.executors import Runner
from oadb.engine.pool.connections import new_state


class SingleConnection(Runner):
    """Runs declared queries on one connection, as it is; opens and ends no transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._driver = BlockingDriver()
        self._connection = connection
        setattr(connection, "state", new_state(connection.pgconn, recycle=math.inf, prepares=True))  # noqa: B010

    def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query. Raises psycopg.Error without row data."""
        try:
            return drive(execution.run(self._driver, self._connection, query, params, []))
        except psycopg.Error as error:
            failure = failures.scrubbed(error, query.label, query.place_at)
        raise failure
