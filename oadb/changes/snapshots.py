"""Reads of changes: each returns what became visible since the one before.

A read may tell a change again, but never misses one; if it cannot be sure, everything counts as
changed. It must not be part of a transaction, whose snapshot would not move.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from oadb.changes.announcements import Change, ChangedTable
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor

query = queries(__name__)

# Changes of one read; if there are more, everything counts as changed.
_MOST = 1000

_TABLES = frozenset(get_args(ChangedTable))


@dataclass(frozen=True, slots=True)
class Everything:
    """Any row may have changed: clear what is cached."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a read found, and where the next one continues.

    Attributes:
        snapshot: Which transactions were over, in the form of PostgreSQL's pg_snapshot.
        started_at: When the server was started, by which it is recognised.
        read_at: By the clock of the server.
        is_next: Whether it continued the one before.
    """

    snapshot: str
    started_at: datetime
    read_at: datetime
    is_next: bool | None
    tables: list[str]
    user_ids: list[int | None]
    keys: list[str]

    @property
    def changes(self) -> list[Change | Everything]:
        """The changes, in the order in which their transactions began; or Everything."""
        if not self.is_next or len(self.tables) > _MOST or not _TABLES.issuperset(self.tables):
            return [Everything()]
        rows = zip(self.tables, self.user_ids, self.keys, strict=True)
        return [Change(cast("ChangedTable", table), user, key) for table, user, key in rows]


@query
def _read(
    last_snapshot: str | None,
    last_started_at: datetime | None,
    last_read_at: datetime | None,
    most: int,
) -> Reading: ...


query.complete()


async def read_since(db: AsyncExecutor, last: Reading | None) -> Reading:
    """Read what became visible since *last*; None: there was no read yet."""
    if last is None:
        return await _read(db, None, None, None, _MOST + 1)
    return await _read(db, last.snapshot, last.started_at, last.read_at, _MOST + 1)
