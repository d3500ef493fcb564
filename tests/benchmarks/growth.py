"""What statements read as their tables grow, and how long the hottest take. Run by hand:

    python tests/benchmarks/growth.py [accounts] [logs] [instruments] [hot]

Pages of 8 kB by EXPLAIN; "hot" takes the time of the twenty hottest statements, by default with
10^3, 10^5 and 10^7 rows on a server of its own, and writes docs/figures/growth.json and its curve.
Without names, everything runs. DATABASE_URL names a server whose user may create databases;
without it an embedded server is started. OADB_BENCH_SIZES, default 10000,100000,1000000, sets the
numbers of rows.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psycopg

from tests.benchmarks import conditions, hot_growth
from tests.support.growing import (
    ACCOUNT_ROWS,
    ACCOUNTS,
    INSTRUMENT_ROWS,
    INSTRUMENTS,
    LOG_ROWS,
    LOGS,
    Asked,
    fill,
)
from tests.support.plans import pages_read

SIZES = [
    int(size) for size in os.environ.get("OADB_BENCH_SIZES", "10000,100000,1000000").split(",")
]


def _measured(
    asked: Sequence[Asked], tables: Mapping[str, str], sizes: Sequence[int], what: str
) -> None:
    """Print the pages that each statement reads, one column for each size."""
    columns = []
    for size in sizes:
        with (
            conditions.database() as url,
            closing(psycopg.connect(url, autocommit=True)) as connection,
        ):
            fill(connection, tables, size)
            columns.append([pages_read(connection, each.label, each.values) for each in asked])
    head = ["pages of 8 kB", *(f"{size:,} {what}" for size in sizes)]
    figures = ([f"{pages:,}" for pages in row] for row in zip(*columns, strict=True))
    conditions.table(head, ([each.name, *row] for each, row in zip(asked, figures, strict=True)))


def accounts() -> None:
    _measured(ACCOUNTS, ACCOUNT_ROWS, SIZES, "rows")


def logs() -> None:
    _measured(LOGS, LOG_ROWS, SIZES, "rows")


def instruments() -> None:
    _measured(INSTRUMENTS, INSTRUMENT_ROWS, [1, 10], "brokers")


PARTS: dict[str, Callable[[], None]] = {
    "accounts": accounts,
    "logs": logs,
    "instruments": instruments,
    "hot": hot_growth.main,
}

if __name__ == "__main__":
    conditions.run("Growth", PARTS, sys.argv[1:])
