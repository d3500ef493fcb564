"""What observers cost a lookup: without one, to another version of oadb; and with one.

    python tests/benchmarks/observing.py [FOLDER]

FOLDER is a checkout of the version before, such as ``git worktree add`` makes. Each worker is a
process; in each round all run in turn, in an order that changes. CPU time of the worker counts.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.benchmarks.conditions import database, table
from tests.benchmarks.rounds import Variant, measure, ratio
from tests.benchmarks.worker_processes import variant

_WORKER = Path(__file__).parent / "lookup_worker.py"
_HERE = str(Path(__file__).parents[2])
# Processes are started anew: where one has its code in memory makes a difference of some percent.
STARTS = int(os.environ.get("OADB_BENCH_STARTS", "10"))
ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "40"))


def main(before: str | None = None) -> None:
    ways = {"without an observer": (_HERE, "none"), "with an observer": (_HERE, "observer")}
    if before is not None:
        ways = {"before": (before, "none")} | ways
    found = {name: Variant(name, lambda _: None) for name in ways}
    with database() as url:
        for _ in range(STARTS):
            with ExitStack() as running:
                workers = [
                    variant(running, name, folder, _WORKER, url, how)
                    for name, (folder, how) in ways.items()
                ]
                measure(workers, rounds=ROUNDS, calls=100)
            for worker in workers:
                found[worker.name].seconds += worker.seconds
    variants = [*found.values()]
    base = variants[0]
    table(
        ["variant", "CPU us a call", f"ratio to: {base.name}", "us more", "lowest"],
        (
            [
                each.name,
                f"{each.microseconds:.1f}",
                str(ratio(each.seconds, base.seconds)),
                f"{_more(each, base):.2f}",
                f"{min(each.seconds) * 1e6:.2f}",
            ]
            for each in variants
        ),
    )


def _more(variant: Variant, base: Variant) -> float:
    """Return the median of the differences within a round, in microseconds for a call."""
    pairs = zip(variant.seconds, base.seconds, strict=True)
    return median(above - below for above, below in pairs) * 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
