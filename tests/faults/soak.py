"""Traffic under faults, as long as one likes: what grows, what is lost, what is slow.

    python -m tests.faults.soak --minutes 60

Threads read, write, transact and stream through a proxy while sessions are terminated, killed and
stopped, connections cut, reset and silenced, and the server restarted. Each write adds one to a
counter, so that the sum shows whether one was lost or doubled. Prints a row each minute, and raises
if a caller hangs, a connection is missing at the end, or the sum is wrong.
"""

import argparse
import os
import random
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import psycopg

from oadb.engine import dsn
from oadb.engine.database import Database
from oadb.errors import Error, OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl, controlled
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.rig import Observer, config, create_tables, eventually

_COUNTERS = 200
_THREADS = 12
# Seconds between two faults, at most.
_LONGEST_PAUSE = 4.0


class Callers:
    """Threads that call until they are stopped, and what became of their calls."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(_THREADS)]
        self.ends: Counter[str] = Counter()
        self.took: deque[float] = deque(maxlen=20_000)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a caller hangs"

    def _work(self) -> None:
        kinds = [self._read, self._read, self._read, self._write, self._transact, self._stream]
        while not self._stop.is_set():
            started = monotonic()
            try:
                random.choice(kinds)()
            except (Error, psycopg.Error) as error:
                self.ends[type(error).__name__] += 1
            else:
                self.ends["done"] += 1
            self.took.append(monotonic() - started)

    def _read(self) -> None:
        assert probes.echo(self._db, 7) == 7

    def _write(self) -> None:
        self._counted(lambda: probes.bump(self._db, random.randint(1, _COUNTERS)))

    def _transact(self) -> None:
        number = random.randint(1, _COUNTERS)
        self._counted(lambda: self._db.transact(lambda tx: probes.bump(tx, number)))

    def _stream(self) -> None:
        assert sum(1 for _ in probes.numbers(self._db, 5000)) == 5000

    def _counted(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OutcomeUnknownError:
            self.ends["unknown"] += 1
            raise
        self.ends["written"] += 1


class Faults:
    """Faults of a server and of the proxy in front of it."""

    def __init__(self, server: ServerControl, proxy: Proxy) -> None:
        self._server, self._proxy = server, proxy
        self._observer = Observer(server.url)
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """Cause a fault; whatever was stopped goes on afterwards."""
        faults = [
            self._terminate, self._terminate, self._kill, self._stop, self._proxy.cut,
            self._proxy.reset, self._silence, self._restart,
        ]  # fmt: skip  # a list
        fault = random.choice(faults)
        self.done[fault.__name__.strip("_")] += 1
        with suppress(psycopg.Error, ProcessLookupError, IndexError):  # no session was there
            fault()

    def _terminate(self) -> None:
        pid = random.choice(self._observer.backends())
        self._observer.ask("select pg_terminate_backend(%s)", pid)

    def _kill(self) -> None:
        os.kill(random.choice(self._observer.backends()), signal.SIGKILL)

    def _stop(self) -> None:
        pid = random.choice(self._observer.backends())
        os.kill(pid, signal.SIGSTOP)
        sleep(3.0)
        os.kill(pid, signal.SIGCONT)

    def _silence(self) -> None:
        self._proxy.pause()
        sleep(2.0 * random.random())
        self._proxy.resume()

    def _restart(self) -> None:
        try:
            self._server.restart(random.choice(["fast", "immediate"]))
        except UnavailableError:  # a session did not end within a minute
            self.done["did not stop"] += 1
            self._server.restart("immediate")


def soak(minutes: float) -> None:
    """Run, print a row each minute, and check the end."""
    with controlled() as server:
        create_tables(server.url)
        observer = Observer(server.url)
        for number in range(1, _COUNTERS + 1):
            observer.rows("insert into probe (probe_id, note) values (%s, 'counter')", number)
        with Proxy(dsn.parse(server.url).keywords) as proxy:
            settings = config(proxy.url, pool_size=4, max_overflow=4, call_deadline_seconds=2.0)
            with Database(settings) as db:
                callers, faults = Callers(db), Faults(server, proxy)
                try:
                    _strike(minutes, faults, lambda: _row(db, callers, observer, faults))
                finally:
                    callers.stop()
                _check(db, callers, observer, faults)
                _row(db, callers, observer, faults)


def _strike(minutes: float, faults: Faults, show: Callable[[], None]) -> None:
    print("| calls | errors | faults | p50, ms | p99, ms | leased | sessions | files | RSS, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    end, shown = monotonic() + 60 * minutes, monotonic()
    while monotonic() < end:
        faults.strike()
        sleep(random.random() * _LONGEST_PAUSE)
        if monotonic() - shown >= min(60.0, 30 * minutes):
            shown = monotonic()
            show()


def _row(db: Database, callers: Callers, observer: Observer, faults: Faults) -> None:
    took = sorted(callers.took)
    middle, late = took[len(took) // 2], took[len(took) * 99 // 100]
    errors = callers.ends.total() - callers.ends["done"] - callers.ends["written"]
    with suppress(psycopg.Error):  # the server is starting
        sessions = len(observer.backends())
        cells = (
            callers.ends["done"], errors, faults.done.total(), f"{middle * 1000:.1f}",
            f"{late * 1000:.0f}", db.stats().leased, sessions,
            len([*Path("/proc/self/fd").iterdir()]), f"{_resident():.0f}",
        )  # fmt: skip  # a row
        print("|", " | ".join(map(str, cells)), "|", flush=True)


def _resident() -> float:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in x)
    return int(line.split()[1]) / 1024


def _check(db: Database, callers: Callers, observer: Observer, faults: Faults) -> None:
    eventually(lambda: db.stats().leased == 0, 20)
    eventually(lambda: db.stats().size == db.stats().idle, 20)
    held = [db.transaction() for _ in range(8)]
    for transaction in held:
        assert probes.one(transaction.__enter__()) == 1
    for transaction in held:
        transaction.__exit__(None, None, None)
    stored = observer.ask("select sum(amount) from probe")
    written, unknown = callers.ends["written"], callers.ends["unknown"]
    assert written <= stored <= written + unknown, (written, stored, unknown)
    print(f"\n{written:,} writes acknowledged, {unknown} unknown, {stored:,} stored")
    print(dict(callers.ends), dict(faults.done))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    soak(parser.parse_args().minutes)


if __name__ == "__main__":
    main()
