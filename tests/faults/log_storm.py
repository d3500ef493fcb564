"""A million rows while the server, its sessions and the network fail at random.

python -m tests.faults.log_storm [rows]

Prints what happened. Raises if an acknowledged or accepted row is lost or doubled, the queue
exceeds its bound, or drops are not counted.
"""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

import psycopg

from oadb.engine import dsn
from oadb.testing.control import ServerControl, controlled
from oadb.tools.migrations.runner import migrate
from tests.faults.log_load import CommitCuts, LogLoad, loading
from tests.faults.proxy import Proxy
from tests.support.rig import Observer

# Seconds between two faults, at most.
_LONGEST_PAUSE = 1.0


class Storm:
    """Faults of a server and of the proxy in front of it."""

    def __init__(self, server: ServerControl, proxy: Proxy) -> None:
        self._server = server
        self._proxy = proxy
        self._observer = Observer(server.url)
        self._cuts = proxy.hook = CommitCuts(0)
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """Cause a fault; a server that was stopped runs again afterwards."""
        faults: list[Callable[[], None]] = [
            self._restart,
            self._kill_server,
            self._kill_session,
            self._terminate,
            self._terminate,
            self._proxy.cut,
            self._proxy.reset,
            self._silence,
            self._cut_commits,
            self._cut_commits,
        ]
        fault = random.choice(faults)
        self.done[fault.__name__.strip("_")] += 1
        with suppress(psycopg.Error, ProcessLookupError, IndexError):  # no session was there
            fault()

    def _restart(self) -> None:
        self._server.restart(random.choice(["fast", "immediate"]))

    def _kill_server(self) -> None:
        self._server.kill()
        self._server.start()

    def _kill_session(self) -> None:
        os.kill(random.choice(self._observer.backends()), signal.SIGKILL)

    def _terminate(self) -> None:
        pid = random.choice(self._observer.backends())
        self._observer.ask("select pg_terminate_backend(%s)", pid)

    def _silence(self) -> None:
        self._proxy.pause()
        sleep(random.random())
        self._proxy.resume()

    def _cut_commits(self) -> None:
        self._cuts.left = random.randrange(1, 6)


def storm(rows: int) -> tuple[LogLoad, Counter[str]]:
    """Store *rows* during faults, and check that each is stored once."""
    with controlled() as server:
        migrate(dsn.parse(server.url))
        with Proxy(dsn.parse(server.url).keywords) as proxy, loading(proxy.url) as load:
            faults = Storm(server, proxy)
            with load.running():
                while load.logs.stats().stored < rows:
                    faults.strike()
                    sleep(random.random() * _LONGEST_PAUSE)
            proxy.hook = lambda _end, _data: False
            load.check(Observer(server.url))
    return load, faults.done


def main() -> None:
    rows, started = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, monotonic()
    load, faults = storm(rows)
    stats = load.logs.stats()
    took, recorded = monotonic() - started, len(load.acknowledged)
    print(f"{stats.stored:,} rows stored in {took:.0f} s, {recorded:,} of them recorded one by one")
    print(f"lost 0, doubled 0; {stats.dropped:,} dropped, and as many counted")
    print(f"at most {stats.most_rows:,} of {load.max_rows:,} rows queued; {stats.retries} retries")
    print(f"{faults.total()} faults: {dict(faults)}")
    print(f"errors: {len(load.unknown)} unknown (stored), {len(load.refused)} not accepted")


if __name__ == "__main__":
    main()
