"""Instruments for tests, which are inserted without a load."""

from dataclasses import astuple, replace
from datetime import date
from decimal import Decimal

import psycopg

from oadb import Executor
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.market.instruments import Instrument

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
WARRANT = replace(INFY, symbol="INFY-W1", broker_symbol="INFY-W1", instrument_type="W1")
TCS = replace(INFY, symbol="TCS", broker_symbol="TCS", name=None, token="2")
FUTURE = replace(
    INFY,
    exchange="NFO",
    symbol="NIFTY31JUL25FUT",
    name="NIFTY",
    broker_symbol="NIFTY25JULFUT",
    broker_exchange="NFO",
    token="2",
    instrument_type="FUT",
    underlying="NIFTY",
    expiry=date(2025, 7, 31),
    lot_size=75,
)
CALL = replace(
    FUTURE,
    symbol="NIFTY31JUL2524000CE",
    broker_symbol="NIFTY25JUL24000CE",
    token="3",
    instrument_type="CE",
    strike=Decimal("24000.00"),
)

_INSERT = """
-- name: insert
insert into oadb.instruments (
    broker, exchange, symbol, name, broker_symbol, broker_exchange, token, instrument_type,
    underlying, expiry, strike, lot_size, tick_size, contract_value, freeze_quantity
)
values (
    :broker, :exchange, :symbol, :name, :broker_symbol, :broker_exchange, :token,
    :instrument_type, :underlying, :expiry, :strike, :lot_size, :tick_size, :contract_value,
    :freeze_quantity
);
"""

query = Queries("instrument_rows", parse(_INSERT, "instrument_rows", "a test"))


@query
def insert(
    broker: str,
    exchange: str,
    symbol: str,
    name: str | None,
    broker_symbol: str,
    broker_exchange: str,
    token: str,
    instrument_type: str,
    underlying: str | None,
    expiry: date | None,
    strike: Decimal | None,
    lot_size: int,
    tick_size: Decimal,
    contract_value: Decimal | None,
    freeze_quantity: int | None,
) -> Affected: ...


query.complete()


def insert_rows(db: Executor, *rows: Instrument) -> None:
    """Insert rows without the checks of a load."""
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
    """Insert 20,000 options of 50 underlyings and two brokers, so that the planner uses indexes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL)
        connection.execute("vacuum analyze oadb.instruments")
