"""A million rows while the server, its sessions, the network and the client break at random.

python -m tests.faults.log_storm [rows]

Prints what happened; raises where a row that was acknowledged or taken is lost or doubled, the
queue passes its bound, or drops are not counted.
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
_RHYTHM = 1.0


class Storm:
    """Faults of one server and the proxy before it."""

    def __init__(self, server: ServerControl, proxy: Proxy) -> None:
        self._server = server
        self._proxy = proxy
        self._observer = Observer(server.url)
        self._cuts = proxy.hook = CommitCuts(0)
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """Break something; a server that went down is up again afterwards."""
        faults: list[Callable[[], None]] = [
            self._restart, self._kill_server, self._kill_session, self._terminate, self._terminate,
            self._proxy.cut, self._proxy.reset, self._silence, self._cut_commits, self._cut_commits,
        ]  # fmt: skip
        fault = random.choice(faults)
        self.done[fault.__name__.strip("_")] += 1
        with suppress(psycopg.Error, ProcessLookupError, IndexError):  # nobody was there to strike
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
    """Store *rows* in a storm, and check that all is there once."""
    with controlled() as server:
        Observer(server.url).rows("alter database postgres set synchronous_commit = on")
        migrate(dsn.parse(server.url))
        with Proxy(dsn.parse(server.url).keywords) as proxy, loading(proxy.url) as load:
            faults = Storm(server, proxy)
            with load.running():
                while load.logs.stats().stored < rows:
                    faults.strike()
                    sleep(random.random() * _RHYTHM)
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
    print(f"told of others: {len(load.unknown)} unknown (stored), {len(load.refused)} not taken")


if __name__ == "__main__":
    main()
