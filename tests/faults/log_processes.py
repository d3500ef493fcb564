"""Services that write logs, as processes: python log_processes.py NAME URL.

Each prints a line for each acknowledged row, until it ends or is killed.
"""

import os
import sys
import time
from itertools import count
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.logs.writer import Limits, LogWriter
from tests.faults.log_load import request
from tests.support.rig import config


def fill(url: str) -> None:
    """Fill the queue as fast as possible, and record a row now and then, until killed."""
    logs = LogWriter(config(url), limits=Limits(max_rows=20_000))
    name = os.getpid()
    for number in count():
        logs.offer(request(f"/{name}/written/{number}"))
        if number % 2000 == 0:
            path = f"/{name}/recorded/{number}"
            logs.record(request(path), timeout_seconds=30)
            print(path, flush=True)


def end(url: str) -> None:
    """Write rows and end without closing the writer, as most scripts do."""
    logs = LogWriter(config(url))
    for number in range(3000):
        assert logs.offer(request(f"/ended/{number}"))
    print(time.monotonic(), flush=True)


def fail(url: str) -> None:
    """Write rows and end with an error."""
    end(url)
    raise RuntimeError("a service that fails")


if __name__ == "__main__":
    {"fill": fill, "end": end, "fail": fail}[sys.argv[1]](sys.argv[2])
