"""A read on a replica, which waits until this has replayed what the read must see."""

from time import monotonic
from typing import Any

from oadb.engine import execution, questions
from oadb.engine.driver import Driver
from oadb.engine.reads.wrapped_calls import WrappedCall
from oadb.engine.wire import SetupStatement

# Seconds between two questions how far a replica is: the first, and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.032

_REPLAYED = SetupStatement(
    b"select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() "
    b"else pg_current_wal_insert_lsn() end - '0/0'::pg_lsn"
)


class ReplicaCall(WrappedCall):
    """A read on a replica, which runs when this has replayed what the read must see.

    Attributes:
        is_behind: Whether the replica had not replayed it in time, so that nothing was read.
    """

    def __init__(
        self, query: Any, params: tuple[Any, ...], wanted: int, until: float, *, pooled: bool
    ) -> None:
        super().__init__(query, params)
        self._wanted, self._until, self._pooled = wanted, until, pooled
        self.is_behind = False

    @property
    def observed_label(self) -> str:
        """What observers call it: also the time that was lost on a replica has a name."""
        return "a replica that is behind" if self.is_behind else super().observed_label

    async def run(self, driver: Driver, connection: Any, prelude: list[SetupStatement]) -> Any:
        """Wait for the replica, and run the read.

        Raises:
            ParameterError: a value that cannot be sent.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            psycopg.Error: the server's report, with row data.
        """
        self.is_behind = not await caught_up(
            driver, connection, self._wanted, self._until, pooled=self._pooled
        )
        if self.is_behind:
            return None
        return await execution.run(driver, connection, self._query, self._params, prelude)


async def caught_up(
    driver: Driver, connection: Any, wanted: int, until: float, *, pooled: bool
) -> bool:
    """Wait until the server of a connection has replayed the log up to *wanted*.

    What a connection has seen once is known of it: a server that went back has restarted, and ended
    it. Through a pooler the server of a connection may change, so it is asked every time.

    Args:
        until: the end of the wait (monotonic clock).

    Returns:
        Whether it has, in time.

    Raises:
        psycopg.Error: the server's report.
    """
    state, pause = connection.state, _FIRST_PAUSE
    if state.replayed >= wanted and not pooled:
        return True
    while wanted:
        answer = await driver.run_exchange(connection, questions.ask(connection.pgconn, _REPLAYED))
        state.replayed = int(answer.get_value(0, 0) or 0)
        if state.replayed >= wanted:
            break
        left = until - monotonic()
        if left <= 0:
            return False
        await driver.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True
