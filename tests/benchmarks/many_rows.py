"""Many rows, read and stored, beside other libraries; and each type in both forms of a result.

python tests/benchmarks/many_rows.py                 # all parts
python tests/benchmarks/many_rows.py read            # read, store, types

CPU is that of this process; a run of the server is the same for all, but for COPY and arrays.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
from psycopg.adapt import Transformer

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import Affected, AsyncDatabase, Database
from oadb.engine.binding.dumpers import Sent
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure, ratio

ROWS, ROUNDS = 10_000, 25

_TABLE = """
create table public.trades (
    trade_id bigint primary key, symbol text not null, price numeric not null,
    traded_at timestamptz not null
)
"""

_USERS = (
    "select user_id, username, email, first_name, is_admin, auth_epoch, created_at "
    "from oadb.users order by user_id"
)
_COPY = "copy public.trades (trade_id, symbol, price, traded_at) from stdin"

_SQL = f"""
-- name: list_users
{_USERS};

-- name: stream_users
{_USERS};

-- name: copy_users
copy ({_USERS}) to stdout;

-- name: load
{_COPY};

-- name: load_rows
{_COPY};

-- name: add
insert into public.trades (trade_id, symbol, price, traded_at)
select trade_id, symbol, price, traded_at
from unnest(:trade_ids::bigint[], :symbols::text[], :prices::numeric[], :times::timestamptz[])
as given (trade_id, symbol, price, traded_at);
"""

query = Queries("many_rows", parse(_SQL, "many_rows", "many_rows.py"))


@dataclass(frozen=True, slots=True)
class Somebody:
    """A user."""

    user_id: int
    username: str
    email: str
    first_name: str
    is_admin: bool
    auth_epoch: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Bought:
    """A row of public.trades."""

    trade_id: int
    symbol: str
    price: Decimal
    traded_at: datetime


@query
def list_users() -> list[Somebody]: ...


@query
def stream_users() -> Iterator[Somebody]: ...


@query
def copy_users() -> Iterator[Somebody]: ...


@query
def load(rows: Iterable[tuple[int, str, Decimal, datetime]]) -> Affected: ...


@query
def load_rows(rows: Iterable[Bought]) -> Affected: ...


@query
def add(
    trade_ids: list[int], symbols: list[str], prices: list[Decimal], times: list[datetime]
) -> None: ...


query.complete()


def read() -> None:
    """Print what 10,000 rows of seven columns take to read, beside asyncpg's Records."""
    with conditions.database() as url, asyncio.Runner() as runner:
        known = conditions.keywords(url)
        peer = runner.run(
            asyncpg.connect(host=known["host"], user=known["user"], database=known["dbname"])
        )
        prepared = runner.run(peer.prepare(_USERS))
        bare = psycopg.connect(url, autocommit=True)
        adb = AsyncDatabase(conditions.config(url))
        runner.run(adb.open())
        with Database(conditions.config(url)) as db, closing(bare):
            variants = [
                Variant("asyncpg, prepared, Records", lambda _: _run(runner, prepared.fetch)),
                Variant("psycopg, prepared, tuples", lambda _: _fetched(bare, binary=False)),
                Variant("psycopg, prepared, binary, tuples", lambda _: _fetched(bare, binary=True)),
                Variant("oadb, dataclasses", lambda _: _kept(list_users(db))),
                Variant(
                    "oadb, async, dataclasses", lambda _: _run(runner, lambda: list_users(adb))
                ),
                Variant("oadb, a stream of dataclasses", lambda _: _kept(stream_users(db))),
                Variant("oadb, COPY of dataclasses", lambda _: _kept(copy_users(db))),
            ]
            _print("10,000 rows read", variants, lambda: None)
        runner.run(adb.close())
        runner.run(peer.close())


def store() -> None:
    """Print what 10,000 rows of four columns take to store, beside psycopg's ``write_row``."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(n, f"SYMBOL {n}", Decimal(n) / 4, start + timedelta(seconds=n)) for n in range(ROWS)]
    made = [Bought(*row) for row in rows]
    columns = (
        [each.trade_id for each in made],
        [each.symbol for each in made],
        [each.price for each in made],
        [each.traded_at for each in made],
    )
    with conditions.database() as url, asyncio.Runner() as runner:
        bare = psycopg.connect(url, autocommit=True)
        bare.execute(_TABLE)
        adb = AsyncDatabase(conditions.config(url))
        runner.run(adb.open())
        with Database(conditions.config(url)) as db, closing(bare):
            variants = [
                Variant("psycopg, COPY, write_row", lambda _: _written(bare, rows)),
                Variant("oadb, COPY of tuples", lambda _: _kept([load(db, rows)])),
                Variant(
                    "oadb, async, COPY of tuples", lambda _: _run(runner, lambda: load(adb, rows))
                ),
                Variant("oadb, COPY of dataclasses", lambda _: _kept([load_rows(db, made)])),
                Variant("oadb, arrays", lambda _: add(db, *columns)),
            ]
            _print("10,000 rows stored", variants, lambda: bare.execute("truncate public.trades"))
        runner.run(adb.close())


def _run(runner: asyncio.Runner, work: Callable[[], Any]) -> None:
    async def awaited() -> None:
        _kept([await work()])

    runner.run(awaited())


def _kept(rows: Iterable[object]) -> None:
    """Hold all rows at once, as a caller does."""
    if not [*rows]:
        raise LookupError


def _fetched(connection: psycopg.Connection, *, binary: bool) -> None:
    _kept(connection.execute(_USERS, prepare=True, binary=binary).fetchall())


def _written(connection: psycopg.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor().copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def _print(title: str, variants: list[Variant], before: Callable[[], object]) -> None:
    """Measure variants; *before* runs before each of them, and is not counted."""

    def prepared(run: Callable[[int], Any]) -> Callable[[int], float]:
        def timed(calls: int) -> float:
            before()
            began = process_time()
            run(calls)
            return process_time() - began

        return timed

    measured = [Variant(each.name, prepared(each.run)) for each in variants]
    measure(measured, rounds=ROUNDS, calls=1)
    first = measured[0].seconds
    conditions.table(
        [title, "CPU ms", f"to: {variants[0].name}"],
        [
            [each.name, f"{each.microseconds / 1e3:.1f}", str(ratio(each.seconds, first))]
            for each in measured
        ],
    )


_TYPES = {
    "int2": "(n % 30000)::int2",
    "int4": "n::int4",
    "int8": "n * 1000003::int8",
    "float8": "n / 7.0::float8",
    "numeric": "n * 123.45::numeric",
    "bool": "n % 2 = 0",
    "text": "'SYMBOL ' || n",
    "bytea": "decode(md5(n::text), 'hex')",
    "date": "date '2020-01-01' + n % 1000",
    "timestamptz": "timestamptz '2020-01-01 00:00+00' + n * interval '1 h 1 us'",
    "time": "time '00:00' + n * interval '1 s'",
    "uuid": "md5(n::text)::uuid",
    "jsonb": "jsonb_build_object('a', n, 'b', 'x')",
}


def types() -> None:
    """Print what psycopg takes to read a value of each type from its text, and in binary form."""
    arrays = {f"{name}[]": f"array[{value}, {value}, {value}]" for name, value in _TYPES.items()}
    rows: list[list[str]] = []
    with conditions.database() as url, psycopg.connect(url) as connection:
        for name, value in (_TYPES | arrays).items():
            cells: list[str] = []
            for count, calls in ((1, 2000), (100, 100), (ROWS, 2)):
                sql = f"select {value} from generate_series(1, {count}) as n"
                forms = [
                    Variant(str(form), _reading(connection, sql, form, count)) for form in (0, 1)
                ]
                measure(forms, rounds=9, calls=calls)
                text, binary = (each.microseconds * 1e3 / count for each in forms)
                cells.append(f"{text:.0f} / {binary:.0f}")
            rows.append([name, *cells])
    conditions.table(["ns a value, text / binary", "1 row", "100 rows", "10,000 rows"], rows)


def _reading(
    connection: psycopg.Connection, sql: str, form: int, count: int
) -> Callable[[int], float]:
    result = connection.pgconn.exec_params(sql.encode(), [], result_format=form)
    converters = Transformer(Sent(connection))
    converters.set_pgresult(result, set_loaders=True)

    def run(calls: int) -> float:
        began = process_time()
        for _ in range(calls):
            converters.set_pgresult(result, set_loaders=False)
            converters.load_rows(0, count, tuple)
            converters.set_pgresult(None, set_loaders=False)
        return (process_time() - began) / calls

    return run


PARTS = {"read": read, "store": store, "types": types}

if __name__ == "__main__":
    conditions.pin()
    conditions.run("Many rows", PARTS, sys.argv[1:])
