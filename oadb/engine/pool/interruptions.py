"""Exchanges with the server that were interrupted: how they are brought to their end."""

from typing import Any

import psycopg

from oadb.engine.driver import Driver

# Seconds to send a cancel request.
_CANCELLING = 1.0


async def finish_interrupted(driver: Driver, connection: Any) -> None:
    """Cancel what an interrupted owner left running, and receive the rest of its answer.

    Raises:
        psycopg.Error: the answer, usually that the statement was cancelled.
    """
    state = connection.state
    if state.interruption is None:
        return
    try:
        await driver.call(connection.cancel_safe, timeout=_CANCELLING)
    except psycopg.Error:
        state.disconnect()
    await driver.run_exchange(connection, state.take_unfinished())
