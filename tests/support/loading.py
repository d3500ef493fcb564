"""Loads of a small set of instruments, and what they leave in the database."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import psycopg

from oadb import Executor
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument, Rejected
from tests.support.instrument_rows import CALL, INFY, TCS

ALL = [INFY, TCS, CALL]


def load(db: Executor, rows: Iterable[Instrument | Rejected]) -> loads.LoadReport:
    """Load rows whatever they lack: the contracts of these tests have expired."""
    return loads.load(db, "zerodha", rows, force=True)


def stored(db: Executor) -> set[Instrument]:
    """Return those of ALL that the table has, found by symbol and by token."""
    by_symbol = {instruments.get(db, "zerodha", row.exchange, row.symbol) for row in ALL}
    by_token = {instruments.find_by_token(db, "zerodha", row.exchange, row.token) for row in ALL}
    assert by_symbol == by_token
    return {row for row in by_symbol if row is not None}


def many(count: int, exchange: str = "NSE") -> list[Instrument]:
    return [replace(INFY, exchange=exchange, symbol=f"S{n}", token=str(n)) for n in range(count)]


def versions(url: str) -> list[tuple[Any, ...]]:
    """Return which transaction wrote each row, and its place in the table."""
    with psycopg.connect(url) as connection:
        statement = "select symbol, xmin::text, ctid::text from oadb.instruments order by symbol"
        return connection.execute(statement).fetchall()


def count_staged(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from oadb.instrument_staging").fetchone()
        assert row is not None
        return int(row[0])


def failing() -> Iterator[Instrument]:
    """Yield two rows, then raise an error, as a source that breaks off."""
    yield replace(INFY, name="NEW")
    yield replace(INFY, symbol="NEW", token="9")
    raise LookupError("the download broke")
