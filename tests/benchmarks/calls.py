"""What a call costs beside its time alone, which expert.py compares. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/calls.py [settings] [wire] [restart] [demand] [imports]

Without names, everything runs. DATABASE_URL names a server whose user may create databases; without
it an embedded server is started. "restart" always starts its own server. OADB_BENCH_ROUNDS, default
100, sets the number of rounds of "settings".
"""

import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions, demand, imports, restart, settings, wire

PARTS: dict[str, Callable[[], None]] = {
    "settings": settings.main,
    "wire": wire.main,
    "restart": restart.main,
    "demand": demand.main,
    "imports": imports.main,
}


if __name__ == "__main__":
    conditions.pin()
    conditions.run("Calls", PARTS, sys.argv[1:])
