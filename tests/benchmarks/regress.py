"""Two revisions of oadb compared: the CPU time of a process for each of its usual operations.

    python tests/benchmarks/regress.py [REVISION] [OPERATION ...]

REVISION, by default HEAD, is compared with the files as they stand. Each revision runs in a process
of its own; in each round both run in turn, in an order that changes, and the processes are started
anew some times, because where one has its code in memory makes a difference of some percent.
Fails if an operation takes over 3 % more, and the whole interval of the ratio lies above that.
OADB_BENCH_STARTS and OADB_BENCH_ROUNDS, by default 5 and 20, set how often.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions
from tests.benchmarks.regress_worker import CALLS
from tests.benchmarks.rounds import Ratio, Variant, measure, ratio
from tests.benchmarks.worker_processes import variant

_HERE = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("regress_worker.py")
STARTS = int(os.environ.get("OADB_BENCH_STARTS", "5"))
ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "20"))

MOST = 1.03
"""The ratio above which an operation counts as slower."""


def main(revision: str = "HEAD", *names: str) -> None:
    """Print a line for each operation; exit with 1 if one is slower."""
    unknown = {*names} - CALLS.keys()
    if unknown:
        sys.exit(f"no operation {', '.join(sorted(unknown))}; there are {', '.join(CALLS)}")
    slower: list[str] = []
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, conditions.database(durable=False) as url:
        _export(revision, folder)
        for name in names or CALLS:
            before, now = _compared(url, name, {"before": folder, "now": str(_HERE)})
            found = ratio(now.seconds, before.seconds)
            rows.append([name, *(f"{each.microseconds:.1f}" for each in (before, now)), str(found)])
            if is_slower(found):
                slower.append(name)
    conditions.table(["operation", f"{revision}, CPU us", "now, CPU us", "ratio"], rows)
    if slower:
        sys.exit(f"slower than {revision}: {', '.join(slower)}")


def is_slower(found: Ratio) -> bool:
    """Say whether a ratio is above what noise explains."""
    return found.low > MOST


def _export(revision: str, folder: str) -> None:
    """Write the files of a revision into a folder."""
    archive = subprocess.run(
        ["git", "-C", _HERE, "archive", revision, "oadb", "sql", "tests", "pyproject.toml"],
        check=True,
        capture_output=True,
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _compared(url: str, name: str, folders: dict[str, str]) -> list[Variant]:
    found = [Variant(each, lambda _: None) for each in folders]
    for _ in range(STARTS):
        with ExitStack() as running:
            workers = [variant(running, *each, _WORKER, url, name) for each in folders.items()]
            measure(workers, rounds=ROUNDS, calls=CALLS[name])
        for kept, worker in zip(found, workers, strict=True):
            kept.seconds += worker.seconds
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
