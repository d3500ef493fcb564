"""Two revisions of oadb compared: the CPU time of a process for each of its usual operations.

    python tests/benchmarks/regress.py [--short] [REVISION] [OPERATION ...]

REVISION, by default HEAD, is compared with the files as they stand. Each revision runs in a process
of its own; in each round both run in turn, in an order that changes, and the processes are started
anew some times, because where one has its code in memory makes a difference of some percent.
Fails if an operation takes over 3 % more, and the whole interval of the ratio lies above that.
OADB_BENCH_STARTS and OADB_BENCH_ROUNDS, by default 5 and 20, set how often.

--short, which CI runs, starts them twice for 8 rounds. What is slower then is measured once more,
as often as usual, and fails if it is slower again. A revision that cannot run the operations,
because its API was another one, is not compared.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions
from tests.benchmarks.regress_worker import CALLS
from tests.benchmarks.rounds import Ratio, Variant, measure, ratio
from tests.benchmarks.worker_processes import WorkerEndedError, started

_HERE = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("regress_worker.py")
STARTS = int(os.environ.get("OADB_BENCH_STARTS", "5"))
ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "20"))

MOST = 1.03
"""The ratio above which an operation counts as slower."""

Pairs = dict[str, tuple[Variant, Variant]]
"""Of each operation what it took before and what it takes now."""


def main(*arguments: str) -> None:
    """Print a line for each operation; exit with 1 if one is slower."""
    short = arguments[:1] == ("--short",)
    revision, *names = arguments[short:] or ("HEAD",)
    unknown = {*names} - CALLS.keys()
    if unknown:
        sys.exit(f"no operation {', '.join(sorted(unknown))}; there are {', '.join(CALLS)}")
    with tempfile.TemporaryDirectory() as folder, conditions.database(durable=False) as url:
        _export(revision, folder)
        try:
            slower = _slower(url, folder, revision, names or [*CALLS], short=short)
        except WorkerEndedError as error:
            if str(error) == "now":
                raise
            print(f"not compared: {revision} cannot run these operations, see its error above")
            return
    if slower:
        sys.exit(f"slower than {revision}: {', '.join(slower)}")


def is_slower(found: Ratio) -> bool:
    """Say whether a ratio is above what noise explains."""
    return found.low > MOST


def _slower(
    url: str, folder: str, revision: str, names: Sequence[str], *, short: bool
) -> Sequence[str]:
    """Print what each operation takes; return the names of those that are slower."""
    pairs = _compared(url, folder, names, *((2, 8) if short else (STARTS, ROUNDS)))
    slower = _print(revision, pairs)
    if not short or not slower:
        return slower
    print("\nonce more, what is slower:")
    return _print(revision, _compared(url, folder, slower, STARTS, ROUNDS))


def _print(revision: str, pairs: Pairs) -> Sequence[str]:
    found = {name: ratio(now.seconds, before.seconds) for name, (before, now) in pairs.items()}
    conditions.table(
        ["operation", f"{revision}, CPU us", "now, CPU us", "ratio"],
        (
            [name, *(f"{each.microseconds:.1f}" for each in pair), str(found[name])]
            for name, pair in pairs.items()
        ),
    )
    return [name for name, each in found.items() if is_slower(each)]


def _export(revision: str, folder: str) -> None:
    """Write the files of a revision into a folder."""
    archive = subprocess.run(
        ["git", "-C", _HERE, "archive", revision, "oadb", "sql", "tests", "pyproject.toml"],
        check=False,
        capture_output=True,
    )
    if archive.returncode:
        sys.exit(f"{revision} is not exported: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _compared(url: str, folder: str, names: Iterable[str], starts: int, rounds: int) -> Pairs:
    folders = {"before": folder, "now": str(_HERE)}
    found: Pairs = {name: (Variant("before", _idle), Variant("now", _idle)) for name in names}
    for _ in range(starts):
        with ExitStack() as running:
            asks = [started(running, *each, _WORKER, url) for each in folders.items()]
            for name, kept in found.items():
                works = [partial(_asked, ask, name) for ask in asks]
                pair = [Variant(each.name, work) for each, work in zip(kept, works, strict=True)]
                measure(pair, rounds=rounds, calls=CALLS[name])
                for each, measured in zip(kept, pair, strict=True):
                    each.seconds += measured.seconds
    return found


def _asked(ask: Callable[[object], float], name: str, calls: int) -> float:
    return ask(f"{name}={calls}")


def _idle(_: int) -> None:
    """Take no time: what only keeps what was measured."""


if __name__ == "__main__":
    main(*sys.argv[1:])
