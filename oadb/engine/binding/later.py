"""Writes that may wait for the end of their transaction."""

from typing import ParamSpec

from oadb.engine.binding.queries import Query
from oadb.engine.executors import AsyncExecutor

P = ParamSpec("P")


async def send_later(
    db: AsyncExecutor, statement: Query[P, int], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Send a write with the end of the transaction *db*, or of a nested one, in its round trip.

    It is sent before that if the transaction runs another statement. Over a Database it runs at
    once.

    Args:
        statement: returns the number of rows that it wrote, at which nobody looks.
    """
    if (deferred := db._deferred) is None:
        await statement(db, *args, **kwargs)
    else:
        statement(deferred, *args, **kwargs)
