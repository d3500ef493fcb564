"""The cost of logs: writing, retention, statistics, and checks of bans. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/logs.py [writer] [record] [retention] [statistics] [bans] [redaction]

Without names, everything runs. DATABASE_URL names a server whose user may create databases;
without it an embedded server is started. OADB_BENCH_LOGS, default 200000, sets the number of rows
that the writer writes; OADB_BENCH_LOG_ROWS, default 10000000, the rows in the tables of the others;
OADB_BENCH_SECONDS, default 60, the duration of the overload.
"""

import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import (
    bans,
    conditions,
    log_statistics,
    log_writing,
    recording,
    redacting,
    retention,
)

PARTS: dict[str, Callable[[], None]] = {
    "writer": log_writing.main,
    "record": recording.main,
    "retention": retention.main,
    "statistics": log_statistics.main,
    "bans": bans.main,
    "redaction": redacting.main,
}

if __name__ == "__main__":
    conditions.run("Logs", PARTS, sys.argv[1:])
