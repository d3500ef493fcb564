"""The two Databases of an ASGI application, and how the gate ends the transactions of both.

Coroutines use an AsyncDatabase; plain functions, which run in threads, a Database with a pool of
its own, which connects with their first statement.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, Self

from anyio import CapacityLimiter, fail_after, to_thread

from oadb.engine.config import Config
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.deferred_transactions import DeferredTransaction
from oadb.errors import PoolTimeoutError


@dataclass(frozen=True, slots=True)
class AsgiDatabases:
    """The Databases of an application.

    Attributes:
        places: For requests whose plain functions use the database, as many as it has connections.
            The others wait on the loop: in threads they could take them all, while those that hold
            the connections need a thread for their answers.
        ends: Threads in which transactions of plain functions end, apart from those of functions.
        seconds: How long to wait for a place.
    """

    awaited: AsyncDatabase
    blocking: Database
    places: CapacityLimiter
    ends: CapacityLimiter
    seconds: float

    @classmethod
    def of(cls, config: Config, awaited: AsyncDatabase, blocking: Database) -> Self:
        """Return those of an application; call it in its event loop."""
        most = config.pool_max
        limits = CapacityLimiter(most), CapacityLimiter(most)
        return cls(awaited, blocking, *limits, config.pool_timeout_seconds)

    async def enter(self, request: object) -> None:
        """Wait for a place for a request, which must ``leave`` it.

        Raises:
            PoolTimeoutError: none became free in time.
        """
        try:
            with fail_after(self.seconds):
                await self.places.acquire_on_behalf_of(request)
        except TimeoutError:
            raise PoolTimeoutError(
                f"no place for another plain function became free within {self.seconds:g} s: "
                f"DB_POOL_SIZE and DB_MAX_OVERFLOW allow {self.places.total_tokens:g}"
            ) from None

    def leave(self, request: object) -> None:
        """Give the place of a request to the next one."""
        self.places.release_on_behalf_of(request)


class AwaitedEnd(Protocol):
    """What the gate of an ASGI application ends."""

    @property
    def has_begun(self) -> bool:
        """Whether a statement has run, and the transaction has not ended."""
        ...

    def commit(self) -> Awaitable[None]:
        """End it: commit what was done."""
        ...

    def roll_back(self) -> Awaitable[None]:
        """End it: undo what was done."""
        ...


class ThreadedEnd:
    """Ends the transaction of a plain function in a thread, because that waits for the server."""

    def __init__(self, tx: DeferredTransaction, threads: CapacityLimiter) -> None:
        self._tx, self._threads = tx, threads

    @property
    def has_begun(self) -> bool:
        """Whether a statement has run, and the transaction has not ended."""
        return self._tx.has_begun

    async def commit(self) -> None:
        """End it: commit what was done."""
        await to_thread.run_sync(self._tx.commit, limiter=self._threads)

    async def roll_back(self) -> None:
        """End it: undo what was done. Without a statement nothing is sent, so no thread waits."""
        if self._tx.has_begun:
            await to_thread.run_sync(self._tx.roll_back, limiter=self._threads)
        else:
            self._tx.roll_back()
