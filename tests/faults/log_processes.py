"""Services that write logs, as processes: python log_processes.py NAME URL.

Each prints a line for each acknowledged row, until it ends or is killed.
"""

import multiprocessing
import os
import signal
import sys
import time
from itertools import count
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.logs.writer import Limits, LogWriter, drain_on_sigterm
from tests.faults.log_load import request
from tests.support.rig import config


def fill(url: str) -> None:
    """Fill the queue as fast as possible, and record a row now and then, until killed."""
    logs = LogWriter(config(url), limits=Limits(max_rows=20_000))
    name = os.getpid()
    for number in count():
        logs.offer(request(f"{name}/written/{number}"))
        if number % 2000 == 0:
            path = f"{name}/recorded/{number}"
            logs.record(request(path), timeout_seconds=30)
            print(path, flush=True)


def end(url: str) -> None:
    """Write rows and end without closing the writer, as most scripts do."""
    logs = LogWriter(config(url))
    for number in range(3000):
        assert logs.offer(request(f"ended/{number}"))
    print(time.monotonic(), flush=True)


def fail(url: str) -> None:
    """Write rows and end with an error."""
    end(url)
    raise RuntimeError("a service that fails")


def children(url: str) -> None:
    """Start a child by each method of multiprocessing; each offers 600 rows and ends."""
    for method in ("fork", "spawn", "forkserver"):
        child = multiprocessing.get_context(method).Process(target=_offer, args=(url, method, 600))
        child.start()
        child.join(60)
        assert child.exitcode == 0


def inherited(url: str) -> None:
    """Offer rows through a writer of the parent, in the parent and in a forked child."""
    logs = LogWriter(config(url), limits=Limits(flush_seconds=60))
    for number in range(600):
        logs.offer(request(f"parent/{number}"))
    child = multiprocessing.get_context("fork").Process(target=_offer_to, args=(logs, 600))
    child.start()
    child.join(60)


def _offer(url: str, name: str, rows: int) -> LogWriter:
    logs = LogWriter(config(url), limits=Limits(flush_seconds=60))
    for number in range(rows):
        assert logs.offer(request(f"{name}/{number}"))
    return logs


def _offer_to(logs: LogWriter, rows: int) -> None:
    for number in range(rows):
        assert logs.offer(request(f"child/{number}"))


def terminated(url: str) -> None:
    """Offer 900 rows under the handler of SIGTERM, and wait for the signal."""
    with drain_on_sigterm():
        logs = _offer(url, "taken", 900)
        print("ready", flush=True)
        for number in count():  # goes on meanwhile, as services do
            if not logs.offer(request(f"later/{number}")):
                print(number, flush=True)
                signal.pause()
            time.sleep(0.0001)


def graceful(url: str) -> None:
    """Have a handler of SIGTERM of its own, which ends the service."""

    def leave(_number: int, _frame: object) -> None:
        logs.offer(request("/leaving"))
        sys.exit(7)

    signal.signal(signal.SIGTERM, leave)
    with drain_on_sigterm():
        logs = _offer(url, "taken", 900)
        print("ready", flush=True)
        while True:
            signal.pause()


PARTS = (fill, end, fail, children, inherited, terminated, graceful)

if __name__ == "__main__":
    {part.__name__: part for part in PARTS}[sys.argv[1]](sys.argv[2])
