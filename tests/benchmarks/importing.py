"""The cost of importing an OpenAlgo installation: instruments, logs, memory. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/importing.py

The installation is made first and is not part of the figures. OADB_BENCH_LOGS, default 1000000,
sets the number of rows of all logs; OADB_BENCH_CONTRACT, default 150000, the number of instruments.
DATABASE_URL is as in instruments.py.
"""

import json
import os
import resource
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from time import perf_counter

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import Database
from oadb.importing import runs, sources
from tests.benchmarks import conditions
from tests.importing.openalgo import API_KEY, WEBHOOK, Installation

LOGS = int(os.environ.get("OADB_BENCH_LOGS", "1000000"))
CONTRACT = int(os.environ.get("OADB_BENCH_CONTRACT", "150000"))

# A request writes one row of each; a page of the application writes traffic only.
_SHARES = {"order_logs": 0.3, "analyzer_logs": 0.1, "traffic_logs": 0.3, "order_latency": 0.3}


# Tables with few rows; without them the import needs neither a pepper nor a key ring.
_PEOPLE = ("users", "api_keys", "auth", "settings", "strategies", "chartink_strategies")


def main() -> None:
    print(f"\n## An import of {CONTRACT:,} instruments and {LOGS:,} rows of logs\n")
    print("Conversion runs in separate processes, and symtoken in parallel with the logs.")
    with tempfile.TemporaryDirectory(prefix="oadb-") as folder:
        there = _made(Path(folder))
        before = _memory()
        with conditions.database() as url, Database(conditions.config(url)) as db:
            for title, applies in (("dry run", False), ("run", True), ("the same again", True)):
                print(f"\n{title}:")
                conditions.table(("table", "rows", "rows a second"), _run(db, there, applies))
            # The server is still running, so it does not count among the ended children.
            largest = _memory(resource.RUSAGE_CHILDREN)
    print(f"\nMemory of the process before {before:.0f} MB, at most {_memory():.0f} MB;")
    print(f"of one that converts, at most {largest:.0f} MB.")


def _run(db: Database, there: Installation, applies: bool) -> Iterator[list[str]]:
    plan = runs.Plan("openalgo", "zerodha", applies)
    rows, started = 0, perf_counter()
    with sources.opened([there.folder], []) as found:
        steps = runs.run(db, found, {}, plan, lambda _rows: None)
        while True:
            begun = perf_counter()
            report = next(steps, None)
            if report is None:
                break
            rows += report.found
            in_parallel = report.table == "symtoken"
            yield _cells(report.table, report.found, 0 if in_parallel else perf_counter() - begun)
    yield _cells("all", rows, perf_counter() - started)


def _cells(table: str, rows: int, seconds: float) -> list[str]:
    return [table, f"{rows:,}", f"{rows / seconds:,.0f}" if rows and seconds else "-"]


def _memory(who: int = resource.RUSAGE_SELF) -> float:
    """Return the peak memory, in MB, of this process or the largest of its ended children."""
    return resource.getrusage(who).ru_maxrss / 1024


def _made(folder: Path) -> Installation:
    there = Installation(folder)
    for table in _PEOPLE:
        there.script("openalgo", f"drop table {table}")
    files = {"traffic_logs": "logs", "order_latency": "latency"}
    for table, share in _SHARES.items():
        make = _ROWS[table]
        rows = (make(number) for number in range(int(LOGS * share)))
        _fill(there.path(files.get(table, "openalgo")), table, rows)
    _fill(there.path("openalgo"), "symtoken", map(_option, range(CONTRACT)))
    return there


def _fill(path: Path, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        width = len(connection.execute(f"select * from {table}").description) - 1
        connection.executemany(f"insert into {table} values (null{', ?' * width})", rows)


def _at(number: int) -> str:
    minutes, second = divmod(number, 60)
    days, minute = divmod(minutes, 1440)
    day = f"2026-{1 + days // 28 % 10:02}-{1 + days % 28:02}"
    return f"{day} {minute // 60:02}:{minute % 60:02}:{second:02}.123456"


def _body(number: int) -> tuple[object, ...]:
    request = {
        "apikey": API_KEY,
        "strategy": "Momentum",
        "symbol": f"NIFTY31JUL26{number % 900 * 50}CE",
        "exchange": "NFO",
        "action": "BUY",
        "product": "MIS",
        "pricetype": "LIMIT",
        "quantity": str(75 * (1 + number % 20)),
        "price": str(number % 500 / 20),
        "trigger_price": "0",
        "disclosed_quantity": "0",
    }
    response = {"status": "success", "orderid": f"26073100{number:07}"}
    return "placeorder", json.dumps(request), json.dumps(response), _at(number)


def _request(number: int) -> tuple[object, ...]:
    path = f"/strategy/webhook/{WEBHOOK}" if number % 10 == 0 else f"/api/v1/quotes/{number % 400}"
    ip = f"203.0.113.{number % 250}"
    return _at(number)[:19], ip, "POST", path, 200, number % 900 / 7, "algo.example.in", None, None


def _timing(number: int) -> tuple[object, ...]:
    total = 40 + number % 1000 / 9
    return (
        _at(number)[:19],
        f"26073100{number:07}",
        None,
        "zerodha",
        f"S{number % 900}",
        "PLACE",
        total - 3,
        0.4,
        1.2,
        1.4,
        total,
        None,
        None,
        "SUCCESS",
        None,
    )


def _option(number: int) -> tuple[object, ...]:
    strike = 50.0 * (1 + number % 900)
    symbol = f"U{number // 900}31JUL26{strike:.0f}CE"
    return (
        symbol,
        f"X{symbol}",
        f"U{number // 900}",
        "NFO",
        "NFO",
        f"{number}::::{number}",
        "31-JUL-26",
        strike,
        75,
        "CE",
        0.05,
        1.0,
    )


_ROWS: dict[str, Callable[[int], tuple[object, ...]]] = {
    "order_logs": _body,
    "analyzer_logs": _body,
    "traffic_logs": _request,
    "order_latency": _timing,
}

if __name__ == "__main__":
    conditions.run("Imports", {"importing": main}, sys.argv[1:])
