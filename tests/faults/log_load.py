"""Threads that write and record logs while faults happen, and the checks at the end.

Each row has its own path, by which a lost or doubled row can be named.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from oadb.errors import BusyError, OutcomeUnknownError, UnavailableError
from oadb.logs import traffic
from oadb.logs.writer import Limits, LogWriter
from tests.faults.proxy import End
from tests.support.rig import Observer, config, eventually

LIMITS = Limits(max_rows=5000, flush_seconds=0.02)

# Rows that a writer writes without a pause, and the seconds of its pauses: 10,000 rows a second.
_BURST, _PAUSE = 50, 0.005


def request(path: str) -> traffic.Request:
    return traffic.Request(ip="203.0.113.7", method="GET", path=path, status=200, duration_ms=1.5)


@dataclass
class LogLoad:
    """Writes rows through a LogWriter until it is stopped, and records the answers."""

    logs: LogWriter
    max_rows: int = LIMITS.max_rows
    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._ids = count()

    @contextmanager
    def running(self, writers: int = 2, recorders: int = 4) -> Generator["LogLoad"]:
        """Run threads of each kind during the block; check at the end that all have ended."""
        works: list[Callable[[], None]] = [self._write] * writers + [self._record] * recorders
        threads = [threading.Thread(target=self._work, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            self.flows()
            yield self
            self.flows()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "a call hangs"

    def flows(self, rows: int = 500) -> None:
        """Wait until *rows* more rows are stored."""
        target = self.logs.stats().stored + rows
        eventually(lambda: self.logs.stats().stored >= target, seconds=60)

    def check(self, observer: Observer) -> None:
        """Check that no accepted row is lost or doubled, and that dropped rows are counted."""
        left = self.logs.close(deadline_seconds=60)
        stats = self.logs.stats()
        paths = [path for (path,) in observer.rows("select path from oadb.traffic")]
        stored = {*paths}

        assert left == 0
        assert len(paths) == len(stored), "doubled"
        assert {*self.acknowledged} <= stored, "lost"
        assert {*self.unknown} <= stored, "sent, but its answer was lost"
        assert not {*self.refused} & stored, "stored although the caller got an error"
        assert stats.accepted == stats.stored == len(stored)
        assert self.answers["dropped"] == stats.dropped
        assert observer.ask("select coalesce(sum(rows), 0) from oadb.log_drops") == stats.dropped
        assert observer.ask("select count(*) from oadb.log_rejects") == 0
        assert stats.most_rows <= self.max_rows

    def _work(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            work()

    def _write(self) -> None:
        for _ in range(_BURST):
            taken = self.logs.offer(request(f"written/{next(self._ids)}"))
            self.answers["taken" if taken else "dropped"] += 1
        self._stop.wait(_PAUSE)

    def _record(self) -> None:
        path = f"recorded/{next(self._ids)}"
        try:
            self.logs.record(request(path), timeout_seconds=2.0)
        except OutcomeUnknownError:
            self.unknown.append(path)
        except (UnavailableError, BusyError):
            self.refused.append(path)
        else:
            self.acknowledged.append(path)


@contextmanager
def loading(url: str, limits: Limits = LIMITS) -> Generator[LogLoad]:
    """Give a load with a new writer, which is closed at the end."""
    logs = LogWriter(config(url), limits=limits)
    try:
        yield LogLoad(logs, limits.max_rows)
    finally:
        logs.close(deadline_seconds=10)


class CommitCuts:
    """Cuts connections at about every other COMMIT: before it or its answer arrives."""

    def __init__(self, most: int) -> None:
        self.left = most
        self._answers: set[End] = set()

    def __call__(self, end: End, data: bytes) -> bool:
        """Cut, as a hook of a Proxy."""
        peer = end.peer
        if peer is None or (self.left <= 0 and not self._answers):
            return False
        if end in self._answers:
            self._answers.remove(end)
            return self._cut(end, peer)
        if end.is_client and b"commit\0" in data and random.random() < 0.5:
            self.left -= 1
            if self.left % 2:
                return self._cut(end, peer)
            self._answers.add(peer)
        return False

    def _cut(self, *ends: End) -> bool:
        for end in ends:
            end.close(reset=True)
        return True
