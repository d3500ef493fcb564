"""The ends of transactions: COMMIT or the release of a savepoint, alone or behind calls."""

import psycopg
from psycopg.pq import TransactionStatus

from oadb.engine import execution, wire
from oadb.engine.binding.guards import COMMIT
from oadb.engine.driver import Driver
from oadb.engine.pool.connections import looks_alive
from oadb.engine.transaction_session import RELEASE, ROLLBACK, ROLLBACK_TO, TransactionSession
from oadb.engine.wire import SetupStatement

_IDLE = TransactionStatus.IDLE


async def commit(
    driver: Driver, session: TransactionSession, outer: TransactionSession | None
) -> None:
    """Commit, or release the savepoint of a transaction within *outer*.

    Raises:
        psycopg.Error: what the server reports, or the connection was lost.
    """
    connection, commits = session.connection, session.pool.commits
    if session.prelude or outer is not None:
        due = session.due(outer)
        if outer is not None:
            due.append(RELEASE)
        await execution.set_up(driver, connection, due)
    if outer is None and connection.pgconn.transaction_status != _IDLE:
        # Where reads run on replicas, its position is noted.
        notes = commits is not None and session.has_written
        answer = connection.exchange(*session.end(asks=notes))
        answer = await answer if driver.awaits else answer
        if commits is not None and notes:
            commits.record(answer)
        else:
            wire.answer_of(answer)


def ending_of(
    session: TransactionSession, outer: TransactionSession | None
) -> SetupStatement | None:
    """Return what is sent behind calls in their round trip; None: COMMIT has one of its own.

    That is where its position is asked for, and if the server may have ended the session: what is
    lost before COMMIT was sent can be repeated.
    """
    if outer is not None:
        return RELEASE
    alone = session.pool.commits is not None or not looks_alive(session.connection)
    return None if alone else COMMIT


async def roll_back(
    driver: Driver, session: TransactionSession, outer: TransactionSession | None
) -> None:
    """Roll back, or to the savepoint of a transaction within *outer*."""
    if outer is not None:
        session.forget_savepoint()
        session.due(None).extend([ROLLBACK_TO, RELEASE])
    if session.is_interrupted:
        return  # at once: the pool rolls back, or the next statement of the outer one does
    connection = session.connection
    try:
        if outer is not None:
            await execution.set_up(driver, connection, session.prelude)
        elif connection.pgconn.transaction_status != _IDLE:
            await driver.run_exchange(connection, wire.simple(connection.pgconn, ROLLBACK.sql))
    except psycopg.Error:
        # The connection is lost, so the server has rolled back.
        session.must_close = True
