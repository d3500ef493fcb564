"""The time of statistics over a month of traffic, and of refreshing its rollups.

It is not named statistics, as the scripts beside it would import it instead of Python's module.
"""

import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg

from oadb import Database
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.logs import rollups, traffic
from tests.benchmarks import conditions
from tests.benchmarks.rounds import seconds

ROWS = int(os.environ.get("OADB_BENCH_LOG_ROWS", "10000000"))
WINDOWS = 100
DAYS = 30
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
AIM_MS = 50

_DIRTY_MINUTES, _BATCHES_A_MINUTE = 3, 240
_REFRESHES = 30
_SEED = 20240229

# One for each day, as retention makes them.
_PARTITION = """
create table traffic_{day:%Y%m%d} partition of oadb.traffic
for values from ('{day}') to ('{next_day}')
"""

# Endpoints differ in frequency and in duration; 4 % of the requests fail.
_FILL = """
insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
select
    %(start)s + (n - 1) * (%(end)s - %(start)s) / %(rows)s,
    '10.0.0.0'::inet + n %% 5000,
    'POST',
    '/api/v1/endpoint' || number,
    '/api/v1/endpoint' || number,
    case when random() < 0.96 then 200 when random() < 0.8 then 404 else 500 end,
    exp(2 + number * 0.1 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())),
    'example.in'
from
    generate_series(1, %(rows)s) as n,
    lateral (select floor(20 * power(random(), 2))::int + n * 0 as number) as endpoints
"""

_BATCHES = """
insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at)
select gen_random_uuid(), 'traffic', 1, first_at, least(first_at + %(length)s, %(end)s)
from generate_series(%(start)s, %(end)s - interval '1 ms', %(length)s) as batches (first_at)
"""

# OpenAlgo makes 57 scans like this one.
_SCAN = "select count(*), avg(duration_ms) from oadb.traffic where status >= 400"

_SIZES = """
select %(table)s::text, sum(pg_table_size(oid))::float8, sum(pg_indexes_size(oid))::float8
from pg_class
where oid = %(table)s::text::regclass
    or oid in (select inhrelid from pg_inherits where inhparent = %(table)s::text::regclass)
"""

_BUCKETS = """
select resolution::text, count(*), avg(cardinality(bins))::float8,
    sum(pg_column_size(traffic_rollups.*))::float8
from oadb.traffic_rollups group by resolution order by traffic_rollups.resolution
"""

Window = tuple[datetime, datetime]

query = Queries(
    "log_statistics",
    parse("-- name: _backend\nselect pg_backend_pid() as pid;", "log_statistics", "a benchmark"),
)


@query
def _backend() -> int: ...


query.complete()


def main() -> None:
    print(f"\n## Statistics of {ROWS:,} requests in {DAYS} days\n")
    with (
        conditions.database() as url,
        Database(conditions.config(url, 1)) as db,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        _fill(connection)
        backlog = seconds(lambda: rollups.refresh(db))
        connection.execute("vacuum analyze oadb.traffic_rollups, oadb.log_batches")
        steady = _refresh_as_time_passes(connection, db)
        _leave_dirty(connection)
        _print_windows(connection, db)
        _print_refreshes(backlog, steady)
        _print_sizes(connection)


def _fill(connection: psycopg.Connection) -> None:
    for number in range(DAYS):
        day = START + timedelta(days=number)
        text = _PARTITION.format(day=day, next_day=day + timedelta(days=1))
        connection.execute(text.encode())
    span = {"start": START, "end": END, "rows": ROWS}
    connection.execute("set timezone to 'UTC'")
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_FILL, span)
        cursor.execute(_BATCHES, span | {"length": timedelta(minutes=1)})
    connection.execute("vacuum analyze oadb.traffic")


def _refresh_as_time_passes(connection: psycopg.Connection, db: Database) -> list[float]:
    """Refresh some minutes one by one, as if each was just written; return the seconds of each."""
    took = []
    for number in range(_REFRESHES, 0, -1):
        minute = END - timedelta(minutes=number + _DIRTY_MINUTES)
        connection.execute(
            "delete from oadb.traffic_rollups where resolution = '1 minute' and started_at = %s",
            [minute],
        )
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(
                _BATCHES,
                {
                    "start": minute,
                    "end": minute + timedelta(minutes=1),
                    "length": timedelta(minutes=1) / _BATCHES_A_MINUTE,
                },
            )
        took.append(seconds(lambda: rollups.refresh(db)))
    return took


def _leave_dirty(connection: psycopg.Connection) -> None:
    """Record batches for the last minutes, which are not rolled up yet."""
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(
            _BATCHES,
            {
                "start": END - timedelta(minutes=_DIRTY_MINUTES),
                "end": END,
                "length": timedelta(minutes=1) / _BATCHES_A_MINUTE,
            },
        )


def _windows() -> dict[str, list[Window]]:
    chance = random.Random(_SEED)
    days = timedelta(days=1)

    def any_two(step: timedelta) -> Window:
        low, high = sorted(START + DAYS * days * chance.random() // step * step for _ in range(2))
        return low, high

    def kind(make: Callable[[], Window]) -> list[Window]:
        return [make() for _ in range(WINDOWS)]

    def until_now() -> Window:
        return END - chance.random() * DAYS * days, END

    return {
        "any two moments": kind(lambda: any_two(timedelta(microseconds=1))),
        "any two minutes": kind(lambda: any_two(timedelta(minutes=1))),
        "any two hours": kind(lambda: any_two(timedelta(hours=1))),
        "any two days": kind(lambda: any_two(days)),
        "from any moment until now": kind(until_now),
        "the last hour": [(END - timedelta(hours=1), END)] * WINDOWS,
        "the last day": [(END - days, END)] * WINDOWS,
        "nearly all, unaligned": kind(
            lambda: (START + chance.random() * days, END - chance.random() * days)
        ),
        "all": [(START, END)] * WINDOWS,
    }


def _print_windows(connection: psycopg.Connection, db: Database) -> None:
    scan = seconds(lambda: connection.execute(_SCAN))
    rows = []
    for name, windows in _windows().items():
        _timed(db, windows[0])
        busy = _cpu_seconds(db)
        took = sorted(_timed(db, window) for window in windows)
        busy = (_cpu_seconds(db) - busy) / len(windows)
        rows.append(
            [name, _ms(median(took)), _ms(took[len(took) * 95 // 100]), _ms(took[-1]), _ms(busy)]
        )
    print(
        f"{WINDOWS} windows of each kind; the last {_DIRTY_MINUTES} minutes wait to be rolled up. "
        f"The aim is {AIM_MS} ms. One scan of all rows took {scan:.1f} s."
    )
    conditions.table(("window", "p50, ms", "p95", "worst", "CPU of the server, mean"), rows)


def _timed(db: Database, window: Window) -> float:
    since, until = window
    return seconds(lambda: traffic.statistics(db, since=since, until=until))


def _cpu_seconds(db: Database) -> float:
    """Return the CPU seconds of *db*'s connection on the server; nan for a remote server."""
    pid = _backend(db)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_refreshes(backlog: float, steady: Sequence[float]) -> None:
    minutes = DAYS * 24 * 60
    print("\nA refresh once a minute finds a minute in 240 batches; the backlog is all of it.")
    conditions.table(
        ("refresh", "ms for a minute of traffic", "us for a row"),
        (
            [name, f"{each * 1e3:.1f}", f"{each * minutes / ROWS * 1e6:.1f}"]
            for name, each in (
                ("once a minute, p50", median(steady)),
                ("once a minute, worst", max(steady)),
                ("the backlog of a month", backlog / minutes),
            )
        ),
    )


def _print_sizes(connection: psycopg.Connection) -> None:
    sizes = [
        row
        for table in ("oadb.traffic", "oadb.traffic_rollups")
        for row in connection.execute(_SIZES, {"table": table})
    ]
    conditions.table(
        ("table", "MB", "MB of its indexes"),
        ([name, f"{table / 1e6:,.0f}", f"{index / 1e6:,.0f}"] for name, table, index in sizes),
    )
    conditions.table(
        ("buckets of", "rows", "bins of each, mean", "MB"),
        (
            [name, f"{count:,}", f"{bins:.1f}", f"{size / 1e6:.1f}"]
            for name, count, bins, size in connection.execute(_BUCKETS)
        ),
    )


def _ms(value: float) -> str:
    return f"{value * 1e3:.1f}"
