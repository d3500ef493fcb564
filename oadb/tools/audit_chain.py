"""The chain of security events: each link has a checksum of the event and of the link before it.

Events are linked after they were committed, by ``oadb maintain`` and ``oadb audit link``: no writer
waits for another one. A day is a date in UTC; it goes on with the last checksum of the day before.

The checksum is the SHA-256 of the checksum before it (before the first link 32 zero bytes) and of
the canonical line of the event: the line that ``oadb audit export`` writes, without its checksum.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import Executor

query = queries(__name__)

START = bytes(32)
"""The checksum before the first link."""

REACH = timedelta(days=1)
"""How long before the newest linked event one may have happened that is linked after it: longer
than any transaction is open."""

SHORTEST_RETENTION = timedelta(days=90)
"""The database refuses to delete younger events."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A security event as it is linked; ``detail`` is the text of its JSON."""

    event_id: int
    happened_at: datetime
    kind: str
    user_id: int | None
    acted_by: int | None
    db_role: str
    ip: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class LastLink:
    """The end of the chain; ``happened_at`` is None if its event has expired."""

    day: date
    position: int
    checksum: bytes
    happened_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link and the fields of its event, all None if that is missing."""

    day: date
    position: int
    link_event_id: int
    checksum: bytes
    event_id: int | None
    happened_at: datetime | None
    kind: str | None
    user_id: int | None
    acted_by: int | None
    db_role: str | None
    ip: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class UnlinkedEvent:
    """An event without a link."""

    event_id: int
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class ForgottenDay:
    """A day whose events were deleted; its last link stays."""

    day: date
    events: int
    links: int


@query
def _lock_links() -> None: ...


@query
def _get_last_link() -> LastLink | None: ...


@query
def _list_unlinked(since: datetime | None, batch: int) -> list[StoredEvent]: ...


@query
def _insert_links(
    days: list[date], positions: list[int], event_ids: list[int], checksums: list[bytes]
) -> Affected: ...


@query
def stream_links(
    *,
    since: date | None = None,
    until: date | None = None,
    after_day: date | None = None,
    after_position: int | None = None,
) -> Iterator[StoredLink]: ...


@query
def stream_unlinked() -> Iterator[UnlinkedEvent]: ...


@query
def _list_expired(older_than: timedelta) -> list[date]: ...


@query
def _forget_day(older_than: timedelta) -> ForgottenDay | None: ...


query.complete()


def link(db: Executor, *, reach: timedelta = REACH, batch: int = 1000) -> int:
    """Link all events that are committed; return how many.

    Args:
        reach: an event that happened longer than this before the newest linked one is not linked,
            and ``oadb audit verify`` names it: somebody may have inserted it.
        batch: events that are linked in one transaction.
    """
    linked = 0
    while (more := _link_batch(db, reach, batch)) == batch:
        linked += more
    return linked + more


def _link_batch(db: Executor, reach: timedelta, batch: int) -> int:
    with db.transaction() as tx:
        _lock_links(tx)
        last = _get_last_link(tx)
        newest = last.happened_at if last else None
        events = _list_unlinked(tx, newest - reach if newest else None, batch)
        if events:
            _insert_links(tx, *map(list, zip(*_links_of(events, last), strict=True)))
    return len(events)


def _links_of(
    events: Iterable[StoredEvent], last: LastLink | None
) -> Iterator[tuple[date, int, int, bytes]]:
    """Yield day, position, event and checksum of the links that continue the chain."""
    day, position, checksum = (
        (last.day, last.position, last.checksum) if last else (date.min, 0, START)
    )
    for event in events:
        day, position = next_place(day, position, event.happened_at)
        checksum = checksum_of(checksum, canonical(day, position, event))
        yield day, position, event.event_id, checksum


def next_place(day: date, position: int, happened_at: datetime) -> tuple[date, int]:
    """Return day and position of the link after one: never of an earlier day than that."""
    own = happened_at.astimezone(UTC).date()
    return (own, 1) if own > day else (day, position + 1)


def checksum_of(before: bytes, line: str) -> bytes:
    """Return the checksum of a link, from that of the link before it and its canonical line."""
    return hashlib.sha256(before + line.encode()).digest()


def canonical(day: date, position: int, event: StoredEvent) -> str:
    """Return what the checksum of a link is made of: a JSON object in one line."""
    fields = {
        "day": day.isoformat(),
        "position": position,
        "event_id": event.event_id,
        "happened_at": event.happened_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": event.kind,
        "user_id": event.user_id,
        "by": event.acted_by,
        "db_role": event.db_role,
        "ip": event.ip,
    }
    return f'{json.dumps(fields)[:-1]}, "detail": {event.detail}}}'


def exported(line: str, checksum: bytes) -> str:
    """Return the line of an export: the canonical one with the checksum at its end."""
    return f'{line[:-1]}, "checksum": "{checksum.hex()}"}}'


def event_of(link: StoredLink) -> StoredEvent | None:
    """Return the event of a link; None if it is missing."""
    if (
        link.event_id is None
        or link.happened_at is None
        or link.kind is None
        or link.db_role is None
        or link.detail is None
    ):
        return None
    return StoredEvent(
        link.event_id,
        link.happened_at,
        link.kind,
        link.user_id,
        link.acted_by,
        link.db_role,
        link.ip,
        link.detail,
    )


def export(
    db: Executor,
    *,
    since: date | None = None,
    until: date | None = None,
    after: tuple[date, int] | None = None,
) -> Iterator[str]:
    """Yield the linked events as JSON, one line each, in the order of the chain.

    Expired events are left out.

    Args:
        since: the first day.
        until: the day after the last one.
        after: day and position of the last line that was exported before.
    """
    day, position = after or (None, None)
    links = stream_links(db, since=since, until=until, after_day=day, after_position=position)
    for each in links:
        event = event_of(each)
        if event is not None:
            yield exported(canonical(each.day, each.position, event), each.checksum)


def list_expired(db: Executor, *, older_than: timedelta) -> list[date]:
    """Return the days that ``forget`` would forget."""
    return _list_expired(db, max(older_than, SHORTEST_RETENTION))


def forget(db: Executor, *, older_than: timedelta) -> Iterator[ForgottenDay]:
    """Delete the events of whole days, the oldest first, each day in a transaction.

    The last link of each day stays, so that the chain can be verified from there on.

    Args:
        older_than: at least SHORTEST_RETENTION.
    """
    age = max(older_than, SHORTEST_RETENTION)
    while (forgotten := _forget_day(db, age)) is not None:
        yield forgotten
