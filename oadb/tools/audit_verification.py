"""Verification of the chain of security events: what was altered, deleted, inserted or moved.

It reads the tables and computes every checksum again. What a superuser computed again himself is
found by comparing with checksums that were kept elsewhere: ``Expected``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from oadb.engine.executors import Executor
from oadb.errors import ParameterError
from oadb.tools import audit_chain
from oadb.tools.audit_chain import (
    REACH,
    SHORTEST_RETENTION,
    START,
    StoredEvent,
    StoredLink,
    UnlinkedEvent,
)
from oadb.tools.findings import Finding

SUBJECT = "security events"


@dataclass(frozen=True, slots=True)
class Expected:
    """A checksum that was kept elsewhere; ``position`` is None for the last one of the day."""

    day: date
    position: int | None
    checksum: bytes


@dataclass(slots=True)
class _Walk:
    """The place in the chain: the link before, and what is expected of those that come."""

    expected: Sequence[Expected]
    before: StoredLink | None = None
    is_whole: bool = False
    """Whether an event was found; before that, days may have expired."""
    events: int = 0
    days: int = 0
    last: dict[date, StoredLink] = field(default_factory=dict[date, StoredLink])
    """The last link of each expected day."""

    def next(self, link: StoredLink) -> Iterator[Finding]:
        """Yield what is wrong with a link."""
        is_new_day = self.before is None or link.day != self.before.day
        yield from self._faults(link, is_new_day)
        yield from self._unexpected(link)
        self.before = link

    def _faults(self, link: StoredLink, is_new_day: bool) -> Iterator[Finding]:
        event = audit_chain.event_of(link)
        if event is None:
            if self.is_whole or not is_new_day or not _may_have_expired(link.day):
                yield _fault(link, "was deleted")
            return
        is_first, self.is_whole = not self.is_whole, True
        self.events += 1
        self.days += is_new_day or is_first
        before = self.before
        place = (
            audit_chain.next_place(before.day, before.position, event.happened_at)
            if before
            else (event.happened_at.astimezone(UTC).date(), 1)
        )
        if is_first and before and before.day == link.day:
            yield _fault(before, "was deleted")
        elif (link.day, link.position) != place:
            where = f"{place[0]}/{place[1]}"
            yield _fault(link, f"is at position {link.position}, and {where} comes next")
        elif link.checksum != _checksum(before, link, event):
            yield _fault(link, "was altered, or what was linked before it is missing")

    def _unexpected(self, link: StoredLink) -> Iterator[Finding]:
        for each in self.expected:
            if each.day == link.day:
                self.last[link.day] = link
                if each.position == link.position and each.checksum != link.checksum:
                    yield _fault(link, "has another checksum than expected")

    def missing(self) -> Iterator[Finding]:
        """Yield what was expected and did not come."""
        for each in self.expected:
            last = self.last.get(each.day)
            if last is None or (each.position or 0) > last.position:
                place = each.day if each.position is None else f"{each.day}/{each.position}"
                yield Finding(False, SUBJECT, f"{place} is expected, and is not in the chain")
            elif each.position is None and each.checksum != last.checksum:
                yield _fault(last, f"has another checksum than is expected of {each.day}")


def verify(db: Executor, expected: Sequence[Expected] = ()) -> Iterator[Finding]:
    """Compute the chain again, in constant memory.

    Yields:
        A finding for each event that was altered, deleted, inserted or moved, and for each
        expectation that does not hold; the last one says how far the chain goes.
    """
    walk, is_sound = _Walk(expected), True
    for found in _findings(db, walk):
        is_sound &= found.ok
        yield found
    if walk.before is None:
        yield Finding(is_sound, SUBJECT, "none is linked yet; run oadb audit link")
        return
    end = walk.before
    yield Finding(
        is_sound,
        SUBJECT,
        f"{walk.events:,} linked in {walk.days:,} days; "
        f"{end.day}/{end.position} has the checksum {end.checksum.hex()}",
    )


def _findings(db: Executor, walk: _Walk) -> Iterator[Finding]:
    for link in audit_chain.stream_links(db):
        yield from walk.next(link)
    yield from walk.missing()
    newest = walk.before.happened_at if walk.before else None
    yield from _unlinked_findings(audit_chain.stream_unlinked(db), newest)


def _unlinked_findings(
    events: Iterable[UnlinkedEvent], newest: datetime | None
) -> Iterator[Finding]:
    waiting = 0
    for event in events:
        if newest is not None and event.happened_at < newest - REACH:
            yield Finding(
                False,
                SUBJECT,
                f"event {event.event_id} of {event.happened_at:%Y-%m-%d} was inserted after its "
                "day was linked",
            )
        else:
            waiting += 1
    if waiting:
        yield Finding(True, SUBJECT, f"{waiting:,} not linked yet; run oadb audit link")


def _checksum(before: StoredLink | None, link: StoredLink, event: StoredEvent) -> bytes:
    line = audit_chain.canonical(link.day, link.position, event)
    return audit_chain.checksum_of(before.checksum if before else START, line)


def _fault(link: StoredLink, text: str) -> Finding:
    return Finding(False, SUBJECT, f"event {link.link_event_id} of {link.day} {text}")


def _may_have_expired(day: date) -> bool:
    return day < (datetime.now(UTC) - SHORTEST_RETENTION).date()


# What is expected -------------------------------------------------------------------------------

_GIVEN = re.compile(r"(\d{4}-\d{2}-\d{2})=([0-9a-f]{64})")


def expectation(text: str) -> Expected:
    """Read ``DAY=CHECKSUM``: the last checksum of a day.

    Raises:
        ParameterError: another form.
    """
    found = _GIVEN.fullmatch(text)
    try:
        day = date.fromisoformat(found[1]) if found else None
    except ValueError:
        day = None
    if found is None or day is None:
        raise ParameterError("expected DAY=CHECKSUM, such as 2026-11-29= and 64 digits")
    return Expected(day, None, bytes.fromhex(found[2]))


def expectations(lines: Iterable[str]) -> list[Expected]:
    """Read an export: the last line of each day, which has the checksum of all before it.

    Raises:
        ParameterError: a line is not one of an export.
    """
    last: dict[date, Expected] = {}
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            day, position = date.fromisoformat(fields["day"]), int(fields["position"])
            last[day] = Expected(day, position, bytes.fromhex(fields["checksum"]))
        except (ValueError, TypeError, KeyError):
            raise ParameterError(
                f"line {number} is not one of oadb audit export; expected a line of its file"
            ) from None
    return [*last.values()]
