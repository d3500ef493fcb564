"""Changes as they become visible, for who keeps something that LiveCache cannot hold.

    with ChangeFeed(db) as changes:
        for change in changes:
            match change:
                case Everything(): kept.clear()
                case Change(table, user_id, key): ...

It reads every half second, and after a hint, at most ten times a second. The first value is
Everything, and so is one whenever the feed cannot be sure: after a restart or failover of the
server, after half an hour without a read, of more than 1,000 changes at once, of a table that this
version does not know. A change may come twice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Self

from oadb.changes.announcements import CHANNEL, Change
from oadb.changes.following import AnyDatabase, Following
from oadb.changes.pacing import AsyncPacing, Pacing
from oadb.changes.snapshots import Everything, Reading, read_since
from oadb.engine.binding.operations import operation
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor

__all__ = ["AsyncChangeFeed", "Change", "ChangeFeed", "Everything"]


class _Feed(Following[AnyDatabase]):
    """Changes that were read and not yet taken: what ChangeFeed and AsyncChangeFeed share."""

    def __init__(self, db: AnyDatabase, *, interval_seconds: float = 0.5) -> None:
        super().__init__(db, "changes", CHANNEL, interval_seconds)
        self._last: Reading | None = None
        self._arrived: deque[Change | Everything] = deque()

    async def _read(self, db: AsyncExecutor) -> None:
        self._last = await read_since(db, self._last)
        self._arrived.extend(self._last.changes)


class ChangeFeed(_Feed[Database], Iterator[Change | Everything]):
    """Yields changes to one thread until it is stopped; through outages, too.

    While the database is unavailable nothing is yielded; ``error`` says why, ``age_seconds`` how
    long ago it was read.
    """

    def __init__(self, db: Database, *, interval_seconds: float = 0.5) -> None:
        super().__init__(db, interval_seconds=interval_seconds)
        self._pacing = Pacing(db, CHANNEL)

    def __enter__(self) -> Self:
        """Read for the first time, which may raise, and begin to listen."""
        operation(self._renew)(self._db)
        self._pacing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._pacing.join()

    def __next__(self) -> Change | Everything:
        """Wait for the next change."""
        while not self._arrived:
            if not self._pacing.wait(self._pause):
                raise StopIteration
            operation(self._try_to_renew)(self._db)
        return self._arrived.popleft()

    def stop(self) -> None:
        """End the iteration, from any thread; what was read already is still yielded."""
        self._pacing.stop()


class AsyncChangeFeed(_Feed[AsyncDatabase], AsyncIterator[Change | Everything]):
    """Yields changes to one task until it is stopped; see ChangeFeed."""

    def __init__(self, db: AsyncDatabase, *, interval_seconds: float = 0.5) -> None:
        super().__init__(db, interval_seconds=interval_seconds)
        self._pacing = AsyncPacing(db, CHANNEL)

    async def __aenter__(self) -> Self:
        """Read for the first time, which may raise, and begin to listen."""
        await self._renew(self._db)
        self._pacing.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await self._pacing.join()

    async def __anext__(self) -> Change | Everything:
        """Wait for the next change; a caller may stop waiting and wait again without a loss."""
        while not self._arrived:
            if not await self._pacing.wait(self._pause):
                raise StopAsyncIteration
            await asyncio.shield(self._try_to_renew(self._db))
        return self._arrived.popleft()

    def stop(self) -> None:
        """End the iteration, in the thread of the event loop; see ChangeFeed."""
        self._pacing.stop()
