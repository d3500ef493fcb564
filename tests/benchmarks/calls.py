"""What a call costs, beside what it costs elsewhere. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/calls.py [lookups] [settings] [wire] [restart] [imports]

Without names, everything runs. DATABASE_URL names a server whose user may create databases; without
it an embedded one is started. The restart needs a server of its own and takes no other.
OADB_BENCH_ROUNDS, 100 where unset, sets how long the lookups and settings take.
"""

import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions, imports, lookups, restart, settings, wire

PARTS: dict[str, Callable[[], None]] = {
    "lookups": lookups.main,
    "settings": settings.main,
    "wire": wire.main,
    "restart": restart.main,
    "imports": imports.main,
}


if __name__ == "__main__":
    conditions.pin()
    conditions.run("Calls", PARTS, sys.argv[1:])
