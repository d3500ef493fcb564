"""What a service's own statements cost: many rows, COPY of rows, batches, variants, import, check.

python tests/benchmarks/own_tables.py            # all parts
python tests/benchmarks/own_tables.py many       # rows, batches, variants, package
"""

import os
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg

from oadb import Affected, Database
from oadb.engine import dsn
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.engine.config import Config
from oadb.testing.control import controlled
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure, ratio
from tests.faults.proxy import Proxy

ROWS = int(os.environ.get("OADB_BENCH_OWN_ROWS", "10000"))
ROUNDS = int(os.environ.get("OADB_BENCH_OWN_ROUNDS", "25"))
_DELAY = 0.0005  # each way: 1 ms for a round trip

_TABLE = """
create table public.trades (
    trade_id bigint primary key, symbol text not null, price numeric not null,
    traded_at timestamptz not null
)
"""

_SQL = """
-- name: put
insert into public.trades (trade_id, symbol, price, traded_at)
values (:trade_id, :symbol, :price, :traded_at);

-- name: add
insert into public.trades (trade_id, symbol, price, traded_at)
values (:trade_id, :symbol, :price, :traded_at);

-- name: add.many
insert into public.trades (trade_id, symbol, price, traded_at)
select trade_id, symbol, price, traded_at
from unnest(:trade_id::bigint[], :symbol::text[], :price::numeric[], :traded_at::timestamptz[])
as given (trade_id, symbol, price, traded_at);

-- name: load
copy public.trades (trade_id, symbol, price, traded_at) from stdin;

-- name: get
select trade_id, symbol, price, traded_at from public.trades where trade_id = :trade_id;

-- name: search
select trade_id, symbol, price, traded_at from public.trades
where trade_id = :trade_id
and symbol = :symbol --? symbol
and price = :price --? price
;
"""

query = Queries("trades", parse(_SQL, "trades", "own_tables.py"))


@dataclass(frozen=True, slots=True)
class Trade:
    """A row of public.trades."""

    trade_id: int
    symbol: str
    price: Decimal
    traded_at: datetime


@query
def put(trade_id: int, symbol: str, price: Decimal, traded_at: datetime) -> None: ...


@query
def add(trade_id: int, symbol: str, price: Decimal, traded_at: datetime) -> None: ...


@query
def load(rows: Iterable[Trade]) -> Affected: ...


@query
def get(trade_id: int) -> Trade | None: ...


@query
def search(
    trade_id: int, symbol: str | None = None, price: Decimal | None = None
) -> list[Trade]: ...


query.complete()

_INSERT = "insert into trades (trade_id, symbol, price, traded_at) values (%s, %s, %s, %s)"
_COPY = "copy trades (trade_id, symbol, price, traded_at) from stdin"


def _rows(count: int) -> list[Trade]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Trade(n, f"SYMBOL {n}", Decimal(n) / 4, start + timedelta(seconds=n)) for n in range(count)
    ]


def _config(url: str) -> Config:
    return Config(dsn=dsn.parse(url), pool_size=1, max_overflow=0)


def many() -> None:
    """Print what storing many rows costs, in rounds of which each variant has one run."""
    rows = _rows(ROWS)
    values = [(row.trade_id, row.symbol, row.price, row.traded_at) for row in rows]
    with (
        controlled() as server,
        Database(_config(server.url)) as db,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        connection.execute(_TABLE)

        def execute_many() -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(_INSERT, values)

        def copy(form: str = "") -> None:
            with connection.cursor() as cursor, cursor.copy(_COPY.encode() + form.encode()) as part:
                if form:
                    part.set_types(["int8", "text", "numeric", "timestamptz"])
                for row in values:
                    part.write_row(row)

        runs: dict[str, Callable[[], object]] = {
            "psycopg, executemany in a transaction": execute_many,
            "psycopg, COPY, text": copy,
            "psycopg, COPY, binary": lambda: copy(" (format binary)"),
            "oadb, many, one by one": lambda: put.many(db, values),
            "oadb, many, in its form with arrays": lambda: add.many(db, values),
            "oadb, COPY of rows of a class": lambda: load(db, rows),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                connection.execute("truncate trades")
                started = perf_counter()
                run()
                seconds[name].append(perf_counter() - started)
    base, text = seconds["psycopg, executemany in a transaction"], seconds["psycopg, COPY, text"]
    print(f"\n### {ROWS:,} rows, {ROUNDS} rounds\n")
    print("| variant | ms | executemany / it | it / COPY |\n| --- | ---: | ---: | ---: |")
    for name, found in seconds.items():
        print(
            f"| {name} | {median(found) * 1e3:.0f} | {ratio(base, found)} | {ratio(found, text)} |"
        )


def batches() -> None:
    """Print what five lookups in a batch cost, at 1 ms for a round trip."""
    with controlled() as server, Proxy(dsn.parse(server.url).keywords) as proxy:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(_TABLE)
        with Database(_config(proxy.url)) as db:

            def one(calls: int) -> None:
                for _ in range(calls):
                    get(db, 1)

            def five(calls: int) -> None:
                for _ in range(calls):
                    with db.batch() as batch:
                        for number in range(5):
                            get(batch, number)

            variants = [Variant("one lookup", one), Variant("five in a batch", five)]
            one(20)
            proxy.delay(_DELAY)
            measure(variants, rounds=ROUNDS, calls=20)
    print("\n### Five lookups, 1 ms for a round trip\n")
    print(f"- five in a batch / one lookup: {ratio(variants[1].seconds, variants[0].seconds)}")


def variants() -> None:
    """Print what the choice of a variant adds to a call, in the process alone."""
    values = (1, None, None)
    count = 20_000

    def times(work: Callable[[], object]) -> float:
        found = min(timeit.repeat(work, number=count, repeat=9))
        return found / count * 1e6

    print("\n### A statement with variants, best of 9 runs\n")
    print(f"- the choice of one: {times(lambda: search.chosen(values)):.2f} us")
    print(f"- the arguments of a plain call: {times(lambda: get.arguments((1,), {})):.2f} us")


def package() -> None:
    """Print how long a package of 300 queries takes to import and to check."""
    with tempfile.TemporaryDirectory() as folder, controlled() as server:
        _write_package(Path(folder))
        environ = {
            **os.environ,
            "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}",
            "DATABASE_URL": server.url,
        }
        text = (
            "import time, oadb.engine.binding.queries; t = time.perf_counter(); import big.part_0; "
            "print(time.perf_counter() - t)"
        )
        imported = [
            float(subprocess.check_output([sys.executable, "-c", text], env=environ, text=True))
            for _ in range(9)
        ]
        command = [sys.executable, "-m", "oadb", "check", "--package", "big"]
        checked: list[float] = []
        for _ in range(3):
            started = perf_counter()
            subprocess.run(command, env=environ, check=True, capture_output=True, cwd=folder)
            checked.append(perf_counter() - started)
    print("\n### A package\n")
    milliseconds = median(imported) * 1e3
    print(f"- import of a module of 100 queries, each with 4 variants: {milliseconds:.0f} ms")
    print(
        f"- oadb check of 1,500 statements, 300 queries and their variants: {median(checked):.2f} s"
    )


def _write_package(folder: Path) -> None:
    (folder / "big").mkdir()
    (folder / "big" / "__init__.py").touch()
    (folder / "sql" / "queries").mkdir(parents=True)
    for part in range(3):
        sql = "".join(
            f"-- name: find_{n}\nselect {n} as number\nwhere true\n"
            "and :a::int = 1 --? a\nand :b::text = 'b' --? b\n;\n\n"
            for n in range(100)
        )
        (folder / "sql" / "queries" / f"part_{part}.sql").write_text(sql)
        functions = "".join(
            f"@query\ndef find_{n}(a: int | None = None, b: str | None = None) -> list[int]: ...\n"
            for n in range(100)
        )
        (folder / "big" / f"part_{part}.py").write_text(
            f"from oadb import queries\nquery = queries(__name__)\n{functions}query.complete()\n"
        )


PARTS = {"many": many, "batches": batches, "variants": variants, "package": package}

if __name__ == "__main__":
    conditions.run("A service's own statements", PARTS, sys.argv[1:])
