"""What a call of the twenty hottest statements takes as tables grow.

The quickest tenth of the calls, of pages in memory, so that other load on the machine shows little.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from statistics import quantiles
from time import perf_counter

import psycopg
from psycopg import sql as texts

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools import package_list
from oadb.tools.plans import planned_catalog, sized_database, statistics_files
from oadb.tools.plans.sample_values import sample_values
from oadb.tools.plans.table_shapes import Amount
from tests.support import hot_statements
from tests.support.declared import declaration
from tests.support.plan_agreement import connect
from tests.support.shape_rows import ShapeRows

SIZES = [
    int(each) for each in os.environ.get("OADB_BENCH_SIZES", "1000,100000,10000000").split(",")
]

# What grows: the largest as the scale, and what belongs to users by a tenth of it.
_ROWS = {
    "oadb.users": Amount(share=1),
    "oadb.traffic": Amount(share=1),
    "oadb.api_logs": Amount(share=1),
    "oadb.latency": Amount(share=1),
    "oadb.sessions": Amount(share=0.1),
    "oadb.api_keys": Amount(share=0.1),
    "oadb.settings": Amount(share=0.1),
    "oadb.instruments": Amount(share=1, most=1_000_000),
    "oadb.ip_bans": Amount(share=0.1, most=1_000_000),
}
_GIVEN = {"user_id": "7", "limit": "101", "exact": "10000", "most": "1000", "text": None}
_CALLS = int(os.environ.get("OADB_BENCH_CALLS", "200"))


def main() -> None:
    """Print the microseconds of a call at each size; write them, and the curve, into docs."""
    packages = package_list.chosen(["oadb"])
    chosen = [declaration(label) for label in hot_statements.LABELS]
    found: dict[str, dict[int, float]] = {label: {} for label in hot_statements.LABELS}
    shapes = statistics_files.load(packages)
    shapes |= {name: replace(shapes[name], rows=rows) for name, rows in _ROWS.items()}
    with sized_database.sizing(packages) as sizes:
        for size in SIZES:
            url = sizes.copy(f"growth_{size}")
            _fill(url, ShapeRows(_catalog(url), shapes, size))
            with closing(connect(url)) as connection:
                connection.prepare_threshold = None
                for each in chosen:
                    found[each.label][size] = 1e6 * _quick(connection, each)
    print(hot_statements.table(found))
    before = hot_statements.table(hot_statements.load())
    kept = {
        "command": "python tests/benchmarks/growth.py hot",
        "taken": datetime.now(UTC).strftime("%Y-%m-%d"),
        "conditions": f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs; the quickest tenth "
        f"of {_CALLS} calls: reads of pages in memory, and inserts that are rolled back: what a "
        "disk takes to make a commit durable is no part of them",
        "microseconds": {
            label: {size: round(each, 1) for size, each in sized.items()}
            for label, sized in found.items()
        },
    }
    (hot_statements.FIGURES / "growth.json").write_text(json.dumps(kept, indent=1) + "\n")
    shown = hot_statements.load()
    (hot_statements.FIGURES / "growth.svg").write_text(hot_statements.picture(shown))
    page = hot_statements.PAGE.read_text()
    hot_statements.PAGE.write_text(page.replace(before, hot_statements.table(shown)))


def _catalog(url: Dsn) -> planned_catalog.PlannedCatalog:
    with Database(Config(url)) as db:
        return planned_catalog.read(db, ["oadb"])


def _fill(url: Dsn, rows: ShapeRows) -> None:
    with closing(connect(url)) as connection:
        rows.fill(connection, _ROWS)


def _quick(connection: psycopg.Connection, statement: Declaration) -> float:
    """Return the seconds within which the quickest tenth of the calls end."""
    return quantiles(_seconds(connection, statement), n=10)[0]


def _seconds(connection: psycopg.Connection, statement: Declaration) -> Iterator[float]:
    """Yield the seconds of each call, prepared once; what it writes is rolled back."""
    given = {**sample_values(statement, datetime.now(UTC)), **_GIVEN}
    values = [given.get(name) for name in statement.statement.params]
    literals = ", ".join(texts.Literal(each).as_string(connection) for each in values)
    connection.execute("deallocate all")
    connection.execute(b"prepare timed as " + statement.statement.sql)
    call = f"execute timed({literals})" if values else "execute timed"
    for _ in range(_CALLS):
        connection.execute("begin")
        begun = perf_counter()
        connection.execute(call.encode())
        ended = perf_counter()
        connection.execute("rollback")
        yield ended - begun
