"""The table of all questions, its rows, and the statements of oadb on it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import psycopg

from oadb import Affected
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse

SMALL = "OADB_BENCH_SMALL" in os.environ
TRADES = 10_000
HUNDRED = 100
MANY = 100 if SMALL else 10_000
COPIED = 100 if SMALL else 20_000
ADDED = 100 if SMALL else 10_000

COLUMNS = ("trade_id", "symbol", "side", "quantity", "price", "is_live", "note", "traded_at")
TYPES = ("int8", "text", "text", "int4", "numeric", "bool", "text", "timestamptz")
NAMES = ", ".join(COLUMNS)

_TABLE = """
create table public.{} (
    trade_id bigint primary key, symbol text not null, side text not null,
    quantity integer not null, price numeric not null, is_live boolean not null, note text,
    traded_at timestamptz not null
)
"""

GET = f"select {NAMES} from public.trades where trade_id = {{}}"
LIST = f"select {NAMES} from public.trades order by trade_id limit {{}}"
SET = "update public.trades set note = {} where trade_id = {}"
COPY = f"copy public.arrivals ({NAMES}) from stdin"
INSERT = f"insert into public.arrivals ({NAMES}) values ({{}})"
UNNEST = (
    f"insert into public.arrivals ({NAMES}) select {NAMES} from unnest({{}}) as given ({NAMES})"
)
EMPTY = "truncate public.arrivals"

_SQL = f"""
-- name: get
{GET.format(":trade_id")};

-- name: list_first
{LIST.format(":most")};

-- name: set_note
{SET.format(":note", ":trade_id")};

-- name: load
{COPY};

-- name: add
{INSERT.format(", ".join(f":{name}" for name in COLUMNS))};

-- name: add.many
{UNNEST.format(", ".join(f":{n}::{t}[]" for n, t in zip(COLUMNS, TYPES, strict=True)))};
"""

query = Queries("contest", parse(_SQL, "contest", "trades.py"))


@dataclass(frozen=True, slots=True)
class Trade:
    """A row of public.trades."""

    trade_id: int
    symbol: str
    side: str
    quantity: int
    price: Decimal
    is_live: bool
    note: str | None
    traded_at: datetime


@query
def get(trade_id: int) -> Trade: ...


@query
def list_first(most: int) -> list[Trade]: ...


@query
def set_note(trade_id: int, note: str) -> Affected: ...


@query
def load(rows: Iterable[Trade]) -> Affected: ...


@query
def add(
    trade_id: int,
    symbol: str,
    side: str,
    quantity: int,
    price: Decimal,
    is_live: bool,
    note: str | None,
    traded_at: datetime,
) -> None: ...


query.complete()

Values = tuple[int, str, str, int, Decimal, bool, str | None, datetime]


@cache
def values(count: int) -> list[Values]:
    """Return rows, the same list each time; every tenth has no note."""
    start = datetime(2026, 1, 1, 3, 45, tzinfo=UTC)
    return [
        (
            number,
            f"NIFTY{number % 500:03d}CE",
            "BUY" if number % 2 else "SELL",
            number % 40 * 25,
            Decimal(number) / 20,
            number % 3 == 0,
            f"note {number}" if number % 10 else None,
            start + timedelta(milliseconds=number),
        )
        for number in range(1, count + 1)
    ]


@cache
def rows(count: int) -> list[Trade]:
    """Return the same rows as a class."""
    return [Trade(*each) for each in values(count)]


def fill(url: str) -> None:
    """Make the tables: one with rows, and one to fill."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for name in ("trades", "arrivals"):
            cursor.execute(_TABLE.format(name).encode())
        with cursor.copy(f"copy public.trades ({NAMES}) from stdin".encode()) as copy:
            for row in values(TRADES):
                copy.write_row(row)
        cursor.execute("vacuum analyze public.trades")
