"""The log writer, compared with a bare COPY and a commit per row; callers, memory, overload."""

import gc
import json
import os
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep, thread_time

import psycopg

from oadb.logs import api_logs, traffic
from oadb.logs.writer import Limits, LogRow, LogWriter
from tests.benchmarks import conditions
from tests.benchmarks.rounds import ratio, seconds

ROWS = int(os.environ.get("OADB_BENCH_LOGS", "200000"))
SECONDS = float(os.environ.get("OADB_BENCH_SECONDS", "60"))
RUNS = 5

_ENDLESS = Limits(max_rows=10_000_000, max_bytes=2**34)
_IDLE = replace(_ENDLESS, flush_rows=10_000_000, flush_seconds=60.0)

# One commit per row is slow, so fewer rows are enough to measure it.
_COMMITTED = 50

_COLUMNS = ("ip", "method", "path", "endpoint", "status", "duration_ms", "host", "user_id", "error")
_COPY = f"copy oadb.traffic (logged_at, {', '.join(_COLUMNS)}) from stdin".encode()
_INSERT = (
    f"insert into oadb.traffic (logged_at, {', '.join(_COLUMNS)}) "
    "values (now(), %s, %s, %s, %s, %s, %s, %s, %s, %s)"
).encode()

ORDER: dict[str, object] = {
    "apikey": "f" * 64,
    "strategy": "ema crossover",
    "symbol": "NIFTY30JAN2624000CE",
    "exchange": "NFO",
    "action": "BUY",
    "product": "MIS",
    "pricetype": "LIMIT",
    "quantity": "75",
    "price": "101.5",
    "trigger_price": "0",
    "disclosed_quantity": "0",
}
ANSWER: dict[str, object] = {"status": "success", "orderid": "250723000012345"}


def main() -> None:
    print(f"\n## The writer of logs, {ROWS:,} rows of traffic")
    with conditions.database() as url, psycopg.connect(url, autocommit=True) as connection:
        _print_throughput(url, connection)
        _print_callers(url)
        _print_memory(url)
        _print_overload(url, connection)


def request(number: int, path: str = "/api/v1/placeorder") -> traffic.Request:
    return traffic.Request(
        ip=f"203.0.113.{number % 250}",
        method="POST",
        path=path,
        status=200,
        duration_ms=12.5 + number % 100,
        endpoint="/api/v1/placeorder",
        host="algo.example.in",
        user_id=number % 1000,
    )


# Rows per second ----------------------------------------------------------------------------------


def _print_throughput(url: str, connection: psycopg.Connection) -> None:
    rows = [request(number) for number in range(ROWS)]
    within = walled(url, connection)
    runs: dict[str, Callable[[], float]] = {
        "bare psycopg COPY, write_row": partial(bare_copy, connection, rows),
        "LogWriter by COPY, rows that wait in its queue": partial(deliver, url, rows),
        "the same, from the first offer, in the same process": partial(_write, url, rows),
        "LogWriter by INSERT, rows that wait in its queue": partial(deliver, within, rows),
        "the same, from the first offer, in one process": partial(_write, within, rows),
        "a commit for each row": partial(_commit_each, connection, rows[: ROWS // _COMMITTED]),
    }
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, run in runs.items():
            connection.execute("truncate oadb.traffic, oadb.log_batches")
            connection.execute("checkpoint")
            spent[name].append(run())
    bare, *_, each = spent.values()
    print(
        f"\nMedians of {RUNS} runs in turn; ratios within a run, with the least and the greatest."
    )
    conditions.table(
        ("what", "rows a second", "ratio to COPY", "times faster than a commit each"),
        (
            [name, f"{1 / median(took):,.0f}", str(ratio(bare, took)), str(ratio(each, took))]
            for name, took in spent.items()
        ),
    )


def walled(url: str, connection: psycopg.Connection) -> str:
    """Return the URL of a writer that row-level security binds; its server gets oadb's roles."""
    connection.execute("call oadb.create_roles()")
    connection.execute("call oadb.grant_privileges()")
    return f"{url}{'&' if '?' in url else '?'}options=-c%20role%3Doadb_log"


def bare_copy(connection: psycopg.Connection, rows: Sequence[traffic.Request]) -> float:
    now = datetime.now(UTC)
    tuples = [(now, *(getattr(row, name) for name in _COLUMNS)) for row in rows]

    def copy() -> None:
        with connection.cursor().copy(_COPY) as sent:
            for values in tuples:
                sent.write_row(values)

    return seconds(copy) / len(rows)


def deliver(url: str, rows: Sequence[LogRow]) -> float:
    with LogWriter(conditions.config(url), limits=_IDLE) as logs:
        logs.record(rows[0], timeout_seconds=30)  # connected
        for row in rows:
            logs.offer(row)
        return seconds(partial(_closed, logs)) / len(rows)


def _closed(logs: LogWriter) -> None:
    left = logs.close(deadline_seconds=600)
    assert left == 0


def _write(url: str, rows: Sequence[LogRow]) -> float:
    with LogWriter(conditions.config(url), limits=_ENDLESS) as logs:
        logs.record(rows[0], timeout_seconds=30)  # connected

        def write() -> None:
            for row in rows:
                logs.offer(row)
            _closed(logs)

        return seconds(write) / len(rows)


def _commit_each(connection: psycopg.Connection, rows: Sequence[traffic.Request]) -> float:
    values = [tuple(getattr(row, name) for name in _COLUMNS) for row in rows]

    def insert() -> None:
        for each in values:
            connection.execute(_INSERT, each)

    return seconds(insert) / len(rows)


# Time of a caller ---------------------------------------------------------------------------------


def _print_callers(url: str) -> None:
    number = min(ROWS, 20_000)
    usual: list[LogRow] = [request(n) for n in range(number)]
    new: list[LogRow] = [request(n, f"/api/v1/orders/{n}?symbol=SBIN") for n in range(number)]
    call = api_logs.Call(
        endpoint="/api/v1/placeorder",
        method="POST",
        status=200,
        user_id=7,
        ip="::1",
        request=ORDER,
        response=ANSWER,
    )
    bodies: list[LogRow] = [call] * (number // 4)
    orders: list[LogRow] = [
        replace(call, request=_order(n), response={**ANSWER, "orderid": f"2507230{n:08}"})
        for n in range(number // 4)
    ]
    kinds = {
        "traffic: paths and hosts as they come again": usual,
        "traffic: each path a new one, with a query string": new,
        f"api_logs: an order of {len(ORDER)} fields and its answer": bodies,
        "api_logs: orders that differ, each with its number": orders,
    }
    figures = [[name, *map("{:.2f}".format, _callers(url, rows))] for name, rows in kinds.items()]
    dumped = [json.dumps(ORDER) + json.dumps(ANSWER) for _ in range(100)]
    took = min(
        seconds(lambda: [json.dumps(ORDER) + json.dumps(ANSWER) for _ in dumped]) for _ in range(20)
    ) / len(dumped)
    figures.append(["json.dumps of both alone, to compare", "", f"{took * 1e6:.2f}"])
    conditions.table(("microseconds of a caller for each row", "CPU", "by the clock"), figures)


def _order(number: int) -> dict[str, object]:
    """Return an order with a symbol, a quantity and a price of many."""
    symbol, price = f"NIFTY30JAN26{20000 + number % 400 * 50}CE", 100 + number % 4000 * 0.05
    quantity = str(75 * (1 + number % 20))
    return {**ORDER, "symbol": symbol, "quantity": quantity, "price": f"{price:.2f}"}


def _callers(url: str, rows: Sequence[LogRow]) -> tuple[float, float]:
    """Return the medians of CPU and wall time per row, in microseconds, without delivery."""
    cpu: list[float] = []
    clock: list[float] = []
    logs = LogWriter(conditions.config(url), limits=_IDLE)
    for start in range(0, len(rows), 1000):
        some = rows[start : start + 1000]
        busy, started = thread_time(), perf_counter()
        for row in some:
            logs.offer(row)
        clock.append((perf_counter() - started) / len(some) * 1e6)
        cpu.append((thread_time() - busy) / len(some) * 1e6)
    logs.close(deadline_seconds=0)
    return median(cpu), median(clock)


# Memory of a full queue ---------------------------------------------------------------------------


def _print_memory(url: str) -> None:
    large = {"orders": [{"message": f"{n} " + "words " * 300} for n in range(30)]}
    kinds: dict[str, Callable[[int], LogRow]] = {
        "traffic": lambda n: request(n, f"/api/v1/orders/{n}"),
        "api_logs, 60 kB of bodies each": lambda n: api_logs.Call(
            endpoint=f"/{n}", method="POST", status=200, request=large
        ),
    }
    conditions.table(
        ("a full queue, default limits", "rows", "counted, MB", "measured, MB"),
        ([name, *_full(url, make)] for name, make in kinds.items()),
    )


def _full(url: str, make: Callable[[int], LogRow]) -> list[str]:
    logs = LogWriter(
        conditions.config(url), limits=Limits(flush_rows=10_000_000, flush_seconds=60.0)
    )
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in count():
        if not logs.offer(make(number)):
            break
    gc.collect()
    measured = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    stats = logs.stats()
    logs.close(deadline_seconds=0)
    return [f"{stats.queued_rows:,}", f"{stats.queued_bytes / 1e6:.1f}", f"{measured / 1e6:.1f}"]


# Overload -----------------------------------------------------------------------------------------


# Slows the server down: one interpreter offers little more rows than a fast server stores.
_SLOW = """
create function public.wait() returns trigger language plpgsql as
'begin perform pg_sleep(0.2); return null; end';
create trigger wait before insert on oadb.traffic for each statement execute function public.wait()
"""


def _capacity(url: str) -> float:
    """Return the number of rows stored in a second while the queue is never empty."""
    with LogWriter(conditions.config(url)) as logs:
        _, _, took = _offer(logs, 1e9, SECONDS / 6)
        return logs.stats().stored / took


def _print_overload(url: str, connection: psycopg.Connection) -> None:
    connection.execute(_SLOW)
    rate = 2 * _capacity(url)
    connection.execute("truncate oadb.traffic, oadb.log_batches, oadb.log_drops")
    logs = LogWriter(conditions.config(url))
    logs.record(request(0), timeout_seconds=30)
    before = _resident()
    with ThreadPoolExecutor(1) as pool:
        ended = threading.Event()
        orders = pool.submit(_offer_orders, logs, ended)
        slowest, offered, took = _offer(logs, rate, SECONDS)
        ended.set()
    during = logs.stats().tables["traffic"]
    recovering = monotonic()
    while logs.stats().queued_rows:
        sleep(0.01)
    recovered = monotonic() - recovering
    grown = _resident() - before
    assert logs.offer(request(1))
    assert logs.close(deadline_seconds=60) == 0
    stats, of_orders = logs.stats().tables["traffic"], logs.stats().tables["api_logs"]
    [(stored, counted)] = connection.execute(
        "select (select count(*) from oadb.traffic), "
        "(select coalesce(sum(rows), 0)::bigint from oadb.log_drops)"
    ).fetchall()
    assert stored == stats.stored == stats.accepted
    assert counted == stats.dropped == offered + 2 - stats.accepted
    assert of_orders.stored == orders.result() - of_orders.dropped
    conditions.table(
        (
            f"{took:.0f} s of twice what a slow server stores ({rate:,.0f} rows a second)",
            "measured",
        ),
        [
            ["offered, rows a second", f"{offered / took:,.0f}"],
            ["stored, rows a second", f"{during.stored / took:,.0f}"],
            ["dropped, rows", f"{stats.dropped:,}"],
            ["counted in log_drops, rows", f"{counted:,}"],
            ["orders offered meanwhile, each beside 10 ms of rest", f"{orders.result():,}"],
            ["orders dropped", f"{of_orders.dropped:,}"],
            ["most rows queued (bound 50,000)", f"{stats.most_rows:,}"],
            ["most bytes queued, MB (bound 34)", f"{stats.most_bytes / 1e6:.1f}"],
            ["memory of the process, MB more", f"{grown:.0f}"],
            ["slowest write, ms", f"{slowest * 1e3:.0f}"],
            ["until the queue was empty again, s", f"{recovered:.2f}"],
        ],
    )


def _offer(logs: LogWriter, rate: float, lasts: float, givers: int = 2) -> tuple[float, int, float]:
    """Write rows at a rate; return the slowest write, the number of rows, and the seconds."""
    slowest: list[float] = []
    offered: list[int] = []

    def give() -> None:
        worst, given, started = 0.0, 0, perf_counter()
        while (now := perf_counter()) - started < lasts:
            if given > (now - started) * rate / givers:
                sleep(0.001)
                continue
            logs.offer(request(given))
            worst, given = max(worst, perf_counter() - now), given + 1
        slowest.append(worst)
        offered.append(given)

    threads = [threading.Thread(target=give) for _ in range(givers)]
    took = seconds(
        lambda: [*map(threading.Thread.start, threads), *map(threading.Thread.join, threads)]
    )
    return max(slowest), sum(offered), took


def _offer_orders(logs: LogWriter, ended: threading.Event) -> int:
    """Offer an order with its answer about every 10 ms; return how many."""
    order = api_logs.Call(
        endpoint="/api/v1/placeorder", method="POST", status=200, request=ORDER, response=ANSWER
    )
    offered = 0
    while not ended.wait(0.01):
        logs.offer(order)
        offered += 1
    return offered


def _resident() -> float:
    """Return the resident memory of this process, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
