"""The cost of instruments: loads, lookups during loads, search, and the index. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/instruments.py [loads] [readers] [search] [index]

Without names, everything runs. DATABASE_URL names a server whose user may create databases and the
extension pgstattuple; without it an embedded server is started. OADB_BENCH_INSTRUMENTS, default
180000, sets the number of instruments.
"""

import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions, index, loads, readers, search

PARTS: dict[str, Callable[[], None]] = {
    "loads": loads.main,
    "readers": readers.main,
    "search": search.main,
    "index": index.main,
}

if __name__ == "__main__":
    conditions.run("Instruments", PARTS, sys.argv[1:])
