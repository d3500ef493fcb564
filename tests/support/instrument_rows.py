"""Instruments for tests, put straight into the table, and the plans of the queries on them."""

from dataclasses import astuple, replace
from datetime import date
from decimal import Decimal

import psycopg

from oadb import Executor
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.market.instruments import Instrument
from tests.support import declared

INFY = Instrument(
    broker="zerodha",
    exchange="NSE",
    symbol="INFY",
    name="INFOSYS",
    broker_symbol="INFY",
    broker_exchange="NSE",
    token="1",
    instrument_type="EQ",
    underlying=None,
    expiry=None,
    strike=None,
    lot_size=1,
    tick_size=Decimal("0.05"),
    contract_value=Decimal(1),
)
FUTURE = replace(
    INFY, exchange="NFO", symbol="NIFTY31JUL25FUT", name="NIFTY", broker_symbol="NIFTY25JULFUT",
    broker_exchange="NFO", token="2", instrument_type="FUT", underlying="NIFTY",
    expiry=date(2025, 7, 31), lot_size=75,
)  # fmt: skip
CALL = replace(
    FUTURE, symbol="NIFTY31JUL2524000CE", broker_symbol="NIFTY25JUL24000CE", token="3",
    instrument_type="CE", strike=Decimal("24000.00"),
)  # fmt: skip

_INSERT = """
-- name: insert
insert into oadb.instruments (
    broker, exchange, symbol, name, broker_symbol, broker_exchange, token, instrument_type,
    underlying, expiry, strike, lot_size, tick_size, contract_value
)
values (
    :broker, :exchange, :symbol, :name, :broker_symbol, :broker_exchange, :token,
    :instrument_type, :underlying, :expiry, :strike, :lot_size, :tick_size, :contract_value
);
"""

query = Queries("instrument_rows", parse(_INSERT, "instrument_rows", "a test"))


@query
def insert(
    broker: str, exchange: str, symbol: str, name: str | None, broker_symbol: str,
    broker_exchange: str, token: str, instrument_type: str, underlying: str | None,
    expiry: date | None, strike: Decimal | None, lot_size: int, tick_size: Decimal,
    contract_value: Decimal,
) -> Affected: ...  # fmt: skip


query.complete()


def put_in(db: Executor, *rows: Instrument) -> None:
    """Write rows as they are, without the checks of a load."""
    for row in rows:
        insert(db, *astuple(row))


_FILL = b"""
insert into oadb.instruments (
    broker, exchange, symbol, name, broker_symbol, broker_exchange, token, instrument_type,
    underlying, expiry, strike, lot_size, tick_size, contract_value
)
select
    'broker' || row % 2, 'NFO', underlying || expiry || row || 'CE', underlying,
    underlying || row, 'NFO', row::text, 'CE', underlying, date '2030-01-01' + expiry, row,
    1, 0.05, 1
from
    generate_series(1, 20000) as row,
    lateral (select 'ROOT' || row % 50 as underlying, row % 7 as expiry) as parts
"""


def fill(url: str) -> None:
    """Write 20,000 options of 50 underlyings and two brokers: enough for a plan to matter."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL)
        connection.execute("vacuum analyze oadb.instruments")


def plan(url: str, module: str, name: str) -> str:
    """Return the plan of a query for values that are not known: it has to do for all of them."""
    statement = declared.statement(f"{module}.{name}")
    nulls = ", ".join("null" for _ in statement.params)
    values = f"({nulls})" if nulls else ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare planned as " + statement.sql)
        rows = connection.execute(f"explain execute planned{values}".encode()).fetchall()
    return "\n".join(line for (line,) in rows)
