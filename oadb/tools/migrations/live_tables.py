"""What a live database says to a dry run: how large its tables are, and plans. It only reads.

A role that may only read serves; plans of statements that it may not run are those of an empty
database instead. Nothing is waited for longer than some seconds.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.queries import queries
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords, reachable
from oadb.engine.pool.outage import explain_refusal
from oadb.engine.single_connection import SingleConnection
from oadb.errors import UnavailableError
from oadb.tools import lock_holders
from oadb.tools.migrations import step_plans
from oadb.tools.migrations.step_plans import StepPlan

query = queries(__name__)

# Milliseconds.
_LIMITS = {
    "default_transaction_read_only": 1,
    "statement_timeout": 5000,
    "lock_timeout": 500,
    "idle_in_transaction_session_timeout": 10_000,
}
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class TableSize:
    """The size of a table with all of its partitions.

    Attributes:
        rows: An estimate; None if nothing is known, although the table is not empty.
        bytes: Without indexes.
        parts: The number of partitions; 1 for a table without.
    """

    table_name: str
    rows: int | None
    bytes: int
    parts: int


@query
def _list_sizes() -> list[TableSize]: ...


query.complete()


class LiveDatabase:
    """A session that reads."""

    def __init__(self, connection: DirectConnection) -> None:
        self._connection = connection
        self._session = SingleConnection(connection)

    def sizes(self) -> dict[str, TableSize]:
        """Return the sizes of all tables, by their names with the schema.

        Raises:
            UnavailableError: another session has locked one of them.
        """
        with lock_holders.told(self._session):
            return {each.table_name: each for each in _list_sizes(self._session)}

    def plan(self, sql: str) -> StepPlan | str:
        """Return the plan of a statement, which is not run; or why there is none, in one line."""
        try:
            with self._connection.transaction():
                return step_plans.explain(self._connection, sql)
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            return (error.diag.message_primary or str(error)).partition("\n")[0]


@contextmanager
def reading(dsn: Dsn) -> Generator[LiveDatabase]:
    """Connect to the database of *dsn*.

    Raises:
        UnavailableError: no connection to the server.
    """
    with reachable(dsn) as reached:
        keywords = connection_keywords(reached, _LIMITS)
        try:
            connection = DirectConnection.to(keywords, seconds=_PATIENCE, context=Untyped())
        except psycopg.OperationalError as error:
            raise UnavailableError(f"no connection to {dsn}: {explain_refusal(error)}") from None
        with connection:
            yield LiveDatabase(connection)
