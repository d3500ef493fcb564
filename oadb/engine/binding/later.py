"""Writes that may wait for the end of their transaction."""

from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec

from oadb.engine.batches import BatchedCalls
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import TransactionError

P = ParamSpec("P")


async def send_later(
    db: AsyncExecutor, statement: Query[P, Affected], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Send a write with the end of the transaction *db*, or of a nested one, in its round trip.

    It is sent before that if the transaction runs another statement. Over a Database it runs at
    once.

    Args:
        statement: returns the number of rows that it wrote, at which nobody looks.
    """
    if (deferred := db._deferred) is not None:
        with suppress(TransactionError):  # another thread has sent what waited
            statement(deferred, *args, **kwargs)
            return
    await statement(db, *args, **kwargs)


@operation
async def write_at_once(db: AsyncExecutor, calls: Callable[[BatchedCalls], None]) -> None:
    """Run writes without rows in a transaction of their own: BEGIN, writes, COMMIT, in one trip.

    Unlike a batch, which has no BEGIN, it is one transaction on a Citus cluster, too. It is sent
    once: an error is not retried.

    Args:
        calls: calls the declared writes with what it is given.

    Raises:
        TransactionError: *db* takes no writes.
        UnavailableError: the database did not answer; nothing was changed.
        OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
        psycopg.Error: what the server reports, without row data; rolled back.
    """
    async with db.transaction() as tx:
        if (deferred := tx._deferred) is None:
            raise TransactionError("what is written at once needs a Database that takes writes")
        calls(deferred)
