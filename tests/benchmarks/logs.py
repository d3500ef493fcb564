"""What logs cost: to write them, by whom, and under too much load. By hand:

    pip install -e '.[bench]'
    python tests/benchmarks/logs.py [writer] [retention] [statistics] [bans]

Without names, everything runs. DATABASE_URL names a server whose user may create databases;
without it an embedded one is started. OADB_BENCH_LOGS, 200000 where unset, sets how many rows the
writer writes, OADB_BENCH_LOG_ROWS, 10000000 where unset, how many the others find, and
OADB_BENCH_SECONDS, 60 where unset, how long the load is too high.
"""

import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import bans, conditions, log_statistics, log_writing, retention

PARTS: dict[str, Callable[[], None]] = {
    "writer": log_writing.main,
    "retention": retention.main,
    "statistics": log_statistics.main,
    "bans": bans.main,
}

if __name__ == "__main__":
    conditions.run("Logs", PARTS, sys.argv[1:])
