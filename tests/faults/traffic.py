"""Threads that read and write while faults happen, and the errors that they got."""

import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from time import monotonic

from oadb.errors import OutcomeUnknownError, UnavailableError
from tests.support import pool_probes as probes
from tests.support.rig import Db, Observer, eventually


class Traffic:
    """Calls of a database from many threads, until it is stopped."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._ids = count(1)
        self._stop = threading.Event()
        self.calls: Counter[str] = Counter()
        self.errors: dict[str, list[Exception]] = {"read": [], "transact": [], "write": []}
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        self.slowest = 0.0
        self.last_success = 0.0

    @contextmanager
    def running(self, readers: int, transactors: int, writers: int) -> Generator["Traffic"]:
        """Run threads of each kind during the block; check at the end that all have ended."""
        kinds = {"read": readers, "transact": transactors, "write": writers}
        threads = [
            threading.Thread(target=self._work, args=(kind,))
            for kind, number in kinds.items()
            for _ in range(number)
        ]
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

    def flows(self) -> None:
        """Wait until 50 more calls succeeded."""
        target = self.calls.total() + 50
        eventually(lambda: self.calls.total() > target, seconds=20)

    def check(self, observer: Observer) -> None:
        """Check that stored rows are those acknowledged, and perhaps those of unknown outcome."""
        stored = {row for (row,) in observer.rows("select probe_id from probe")}
        assert set(self.acknowledged) <= stored
        assert stored <= {*self.acknowledged, *self.unknown}
        assert self.errors["read"] == []
        assert self.errors["transact"] == []
        errors = self.errors["write"]
        assert all(isinstance(e, (OutcomeUnknownError, UnavailableError)) for e in errors)

    def set_aside_lost_commits(self) -> None:
        """Remove the errors that no retry can prevent: a COMMIT whose answer was lost."""
        lost = [e for e in self.errors["transact"] if isinstance(e, OutcomeUnknownError)]
        assert all(str(error).startswith("commit:") for error in lost)
        for error in lost:
            self.errors["transact"].remove(error)

    def settles(self, size: int) -> None:
        """Wait until no connection is in use and *size* connections are idle."""
        eventually(lambda: self._db.stats().leased == 0)
        eventually(lambda: self._db.stats().idle == self._db.stats().size == size)

    def _work(self, kind: str) -> None:
        work = {"read": self._read, "transact": self._transact, "write": self._write}[kind]
        while not self._stop.is_set():
            started = monotonic()
            try:
                work()
            except Exception as error:  # noqa: BLE001  # its class is checked at the end
                self.errors[kind].append(error)
            else:
                self.calls[kind] += 1
                self.last_success = monotonic()
            self.slowest = max(self.slowest, monotonic() - started)

    def _read(self) -> None:
        assert probes.echo(self._db, 7) == 7

    def _transact(self) -> None:
        number = next(self._ids)

        def work(tx: Db) -> None:
            probes.put(tx, number, "transact")
            assert probes.get(tx, number) == probes.Probe(number, "transact", 0)

        self._keep(number, lambda: self._db.transact(work))

    def _write(self) -> None:
        number = next(self._ids)
        self._keep(number, lambda: probes.put(self._db, number, "write"))

    def _keep(self, number: int, call: Callable[[], object]) -> None:
        try:
            call()
        except OutcomeUnknownError:
            self.unknown.append(number)
            raise
        self.acknowledged.append(number)
