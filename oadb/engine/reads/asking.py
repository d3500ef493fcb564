"""Questions to a server about itself: how far its log goes, and whether it is a standby."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg

from oadb.engine import questions
from oadb.engine.driver import Driver
from oadb.engine.pool.commits import CommitPoint, point_in
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.wire import SetupStatement
from oadb.errors import UnavailableError

# Seconds within which the primary must say what was committed.
_PATIENCE = 5.0

_OF_PRIMARY = SetupStatement(
    b"select pg_current_wal_insert_lsn() - '0/0'::pg_lsn, current_setting('wal_block_size'), "
    b"left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
)

# The age is that of what was replayed last, by the clock of the replica: without traffic it grows.
_OF_REPLICA = SetupStatement(
    b"select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() "
    b"else pg_current_wal_insert_lsn() end - '0/0'::pg_lsn, "
    b"case when not pg_is_in_recovery() "
    b"then left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) end, "
    b"extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())"
)


@dataclass(frozen=True, slots=True)
class PrimaryState:
    """How far the log of a primary went at *moment* (monotonic clock), and on which timeline."""

    moment: float
    position: int
    timeline: str


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How far a replica has replayed the log.

    Attributes:
        timeline: Of a server that is no standby; None: it is one.
        age: Seconds since the last commit that was replayed happened; None: it is not known.
    """

    position: int
    timeline: str | None
    age: float | None


async def ask_primary(pool: Pool, driver: Driver, limit: float) -> PrimaryState:
    """Ask the primary how far its log goes.

    Args:
        limit: when the answer must be there (monotonic clock).

    Raises:
        UnavailableError: it does not answer, or is a standby; PoolTimeoutError: all connections of
            the pool are in use.
    """
    moment = monotonic()
    answer = await _ask(pool, driver, _OF_PRIMARY, limit)
    return PrimaryState(moment, point_in(answer) or 0, answer.get_value(0, 2).decode())


async def ask_replica(pool: Pool, driver: Driver, limit: float) -> ReplicaState:
    """Ask a replica how far it is; see ``ask_primary``.

    Raises:
        UnavailableError, PoolTimeoutError: as there.
    """
    answer = await _ask(pool, driver, _OF_REPLICA, limit)
    position, timeline, age = (answer.get_value(0, column) for column in range(3))
    return ReplicaState(
        int(position or 0),
        None if timeline is None else timeline.decode(),
        None if age is None else float(age),
    )


async def _ask(pool: Pool, driver: Driver, question: SetupStatement, limit: float) -> Any:
    label = "the question how far a server is"
    first = (label, limit, limit - monotonic())
    connection = pool.take(*first) or await pool.acquire(*first, patience=0.0)
    reason = ""
    try:
        return await driver.run_exchange(connection, questions.ask(connection.pgconn, question))
    except psycopg.Error as error:
        connection.state.is_spoiled = True
        reason = " ".join(str(error).split())
    finally:
        pool.release(connection)
    raise UnavailableError(f"{label}: {reason}")


async def committed(pool: Pool, driver: Driver, *, by_all: bool = False) -> CommitPoint:
    """Return a point that is not before any commit of this Database so far.

    Args:
        by_all: nor before any commit of others.

    Raises:
        UnavailableError: the primary was asked, and did not answer.
    """
    commits = None if by_all else pool.commits
    if commits is not None and commits.latest and commits.doubts == commits.settled:
        return CommitPoint(commits.latest)
    state = await ask_primary(pool, driver, monotonic() + _PATIENCE)
    return CommitPoint(state.position)
