"""A cache whose entries are dropped when their rows change, in every process within a second.

    with LiveCache[VerifiedKey | Refusal](db, "api_keys") as keys:
        found = keys.get(token, lambda: api_keys.verify(db, token))

An entry belongs to the user that the ``user_id`` of its value names. It is dropped by a change of
this user in one of the tables, and in the table users; one without a user by any change in the
tables. It ends at its ``expires_at``, by the clock of the database, or after a minute. A value that
is false, such as a Refusal, is not kept.

Nothing is served that the database has not confirmed within the last second: while changes cannot
be read, every call loads anew, as if there were no cache, and raises what loading raises.
"""

import math
import secrets
import threading
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from time import monotonic
from typing import Generic, TypeVar, cast

from oadb.changes.announcements import CHANNEL, Change, ChangedTable
from oadb.changes.following import AnyDatabase, AsyncFollower, Follower, Following
from oadb.changes.snapshots import Everything, Reading, read_since
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.security.secret import Secret

__all__ = ["AsyncLiveCache", "LiveCache"]

V = TypeVar("V")

CacheKey = Hashable | Secret
"""What an entry is found by; of a Secret, a digest is kept."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """A value, whose it is, and until when it may be served (monotonic clock)."""

    value: V
    user_id: int | None
    until: float


class _Cache(Following[AnyDatabase], Generic[AnyDatabase, V]):
    """Entries and how fresh they are: what LiveCache and AsyncLiveCache share."""

    def __init__(
        self,
        db: AnyDatabase,
        *tables: ChangedTable,
        bound_seconds: float = 1.0,
        kept_seconds: float = 60.0,
        most: int = 100_000,
    ) -> None:
        """Make an empty cache.

        Args:
            tables: whose changes drop entries.
            bound_seconds: how long an entry may be served after its row changed, at most; half of
                it passes between two reads.
            kept_seconds: how long an entry is kept at most. A session that is served from it does
                not count as used, so let it be less than what a session may idle.
            most: how many entries are kept; the oldest ones go.

        Raises:
            ParameterError: no table, or a number that is not above 0.
        """
        if not tables or not all(each > 0 for each in (bound_seconds, kept_seconds, most)):
            raise ParameterError("a cache needs a table, and its numbers must be above 0")
        super().__init__(db, "cached rows", CHANNEL, bound_seconds / 2)
        self._tables = frozenset(tables)
        self._bound, self._kept, self._most = bound_seconds, kept_seconds, most
        self._last: Reading | None = None
        self._lock = threading.Lock()
        self._salt = secrets.token_bytes(16)
        self._entries: dict[Hashable, Entry[V]] = {}
        # Loads that nothing has changed since they began.
        self._loading: dict[Hashable, object] = {}

    def __len__(self) -> int:
        """Return how many entries are kept, including those that have expired."""
        return len(self._entries)

    def clear(self) -> None:
        """Drop all entries, also those that are being loaded."""
        with self._lock:
            self._entries.clear()
            self._loading.clear()

    async def _read(self, db: AsyncExecutor) -> None:
        self._last = await read_since(db, self._last)
        changes = self._last.changes
        if changes == [Everything()]:
            self.clear()
        else:
            self._drop([change for change in changes if isinstance(change, Change)])

    def _drop(self, changes: list[Change]) -> None:
        """Drop the entries that *changes* concern."""
        is_watched = any(change.table in self._tables for change in changes)
        user_ids = {
            change.user_id for change in changes if change.table in {*self._tables, "users"}
        }
        if not user_ids:
            return
        with self._lock:
            self._loading.clear()  # whose they will be is not known
            for name, entry in [*self._entries.items()]:
                is_changed = is_watched if entry.user_id is None else entry.user_id in user_ids
                if is_changed or None in user_ids:
                    del self._entries[name]

    def _name(self, key: CacheKey) -> Hashable:
        if not isinstance(key, Secret):
            return key
        return blake2b(key.reveal().encode(errors="surrogatepass"), key=self._salt).digest()

    def _find(self, name: Hashable) -> Entry[V] | None:
        """Return the entry that may be served now."""
        current_at = self._current_at  # first: what is found then was confirmed at this time
        entry, now = self._entries.get(name), monotonic()
        if entry is None or now >= entry.until or now - current_at > self._bound:
            return None
        return entry

    def _begin(self, name: Hashable) -> object:
        """Note that a value is being loaded; a change meanwhile prevents that it is kept."""
        with self._lock:
            mark = self._loading[name] = object()
        return mark

    def _end(self, name: Hashable, mark: object, value: V | None) -> None:
        """Keep a loaded value, unless something has changed since *mark*; None is no value."""
        with self._lock:
            if self._loading.get(name) is not mark:
                return
            del self._loading[name]
            self._entries.pop(name, None)
            if value:
                self._entries[name] = self._entry_of(value)
            while len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]

    def _entry_of(self, value: V) -> Entry[V]:
        user_id = cast("object", getattr(value, "user_id", None))
        until = monotonic() + self._kept
        ends = cast("object", getattr(value, "expires_at", None))
        if isinstance(ends, datetime):
            until = min(until, self._monotonic(ends))
        return Entry(value, user_id if isinstance(user_id, int) else None, until)

    def _monotonic(self, time: datetime) -> float:
        """Return when the clock of the database shows *time*; rather too early."""
        if self._last is None:
            return -math.inf
        return self._current_at + (time - self._last.read_at) / timedelta(seconds=1)


class LiveCache(_Cache[Database, V], Follower):
    """Entries that follow the database, for threads. Enter it.

    ``age_seconds`` is the time since the last read of changes, ``error`` why it failed.
    """

    def get(self, key: CacheKey, load: Callable[[], V]) -> V:
        """Return the value of *key*: from the cache, or from *load*.

        Raises:
            Exception: whatever *load* raises; nothing is kept then.
        """
        name = self._name(key)
        entry = self._find(name)
        if entry is not None:
            return entry.value
        mark = self._begin(name)
        try:
            value = load()
        except BaseException:
            self._end(name, mark, None)
            raise
        self._end(name, mark, value)
        return value


class AsyncLiveCache(_Cache[AsyncDatabase, V], AsyncFollower):
    """Entries that follow the database, for asyncio; see LiveCache."""

    async def get(self, key: CacheKey, load: Callable[[], Awaitable[V]]) -> V:
        """Return the value of *key*: from the cache, or from *load*; see LiveCache."""
        name = self._name(key)
        entry = self._find(name)
        if entry is not None:
            return entry.value
        mark = self._begin(name)
        try:
            value = await load()
        except BaseException:
            self._end(name, mark, None)
            raise
        self._end(name, mark, value)
        return value
