"""Angel's file: how its entries become instruments."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.market.brokers import angel
from oadb.market.instruments import Instrument, Listing, Rejected

SHARE = {
    "token": "3045",
    "symbol": "SBIN-EQ",
    "name": "SBIN",
    "expiry": "",
    "strike": "-1.000000",
    "lotsize": "1",
    "instrumenttype": "",
    "exch_seg": "NSE",
    "tick_size": "10.000000",
}
INDEX = {
    "token": "99926000",
    "symbol": "Nifty 50",
    "name": "NIFTY",
    "expiry": "",
    "strike": "0.000000",
    "lotsize": "1",
    "instrumenttype": "AMXIDX",
    "exch_seg": "NSE",
    "tick_size": "0.000000",
}
FUTURE = {
    "token": "61093",
    "symbol": "NIFTY28JUL26FUT",
    "name": "NIFTY",
    "expiry": "28JUL2026",
    "strike": "-1.000000",
    "lotsize": "65",
    "instrumenttype": "FUTIDX",
    "exch_seg": "NFO",
    "tick_size": "10.000000",
}
CALL = {
    "token": "866186",
    "symbol": "SENSEX24MAR75000PE",
    "name": "SENSEX",
    "expiry": "28MAR2024",
    "strike": "7500000.000000",
    "lotsize": "10",
    "instrumenttype": "OPTIDX",
    "exch_seg": "BFO",
    "tick_size": "5.000000",
}
CURRENCY = {
    "token": "5",
    "symbol": "USDINR25OCT8325CE",
    "name": "USDINR",
    "expiry": "29OCT2025",
    "strike": "832500000.000000",
    "lotsize": "1",
    "instrumenttype": "OPTCUR",
    "exch_seg": "CDS",
    "tick_size": "0.250000",
}


FROZEN = FUTURE | {"freeze_qty": "1755"}


def read_one(tmp_path: Path, entry: dict[str, str]) -> Listing | Rejected:
    file = tmp_path / "angel.json"
    file.write_text(json.dumps([entry]))
    (found,) = angel.read(file)
    return found


def listed(tmp_path: Path, entry: dict[str, str]) -> Instrument:
    found = read_one(tmp_path, entry)
    assert isinstance(found, Listing)
    return found.instrument()


def test_a_share_loses_its_series_and_its_tick_is_in_rupees(tmp_path: Path) -> None:
    assert listed(tmp_path, SHARE) == Instrument(
        broker="angel",
        exchange="NSE",
        symbol="SBIN",
        name="SBIN",
        broker_symbol="SBIN-EQ",
        broker_exchange="NSE",
        token="3045",
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.1"),
    )


def test_an_index_is_on_its_own_exchange(tmp_path: Path) -> None:
    found = listed(tmp_path, INDEX)

    assert (found.exchange, found.symbol, found.broker_exchange) == ("NSE_INDEX", "NIFTY", "NSE")
    assert (found.instrument_type, found.broker_symbol) == ("INDEX", "Nifty 50")


@pytest.mark.parametrize(
    ("entry", "exchange", "symbol", "name", "expiry", "strike", "tick"),
    [
        (FUTURE, "NFO", "NIFTY28JUL26FUT", "NIFTY", date(2026, 7, 28), None, "0.1"),
        (CALL, "BFO", "SENSEX28MAR2475000PE", "SENSEX", date(2024, 3, 28), "75000", "0.05"),
        (CURRENCY, "CDS", "USDINR29OCT2583.25CE", "USDINR", date(2025, 10, 29), "83.25", "0.0025"),
    ],
)
def test_a_derivative_is_named_by_underlying_expiry_and_strike(
    tmp_path: Path,
    entry: dict[str, str],
    exchange: str,
    symbol: str,
    name: str,
    expiry: date,
    strike: str | None,
    tick: str,
) -> None:
    found = listed(tmp_path, entry)

    assert (found.exchange, found.symbol, found.name) == (exchange, symbol, name)
    assert found.expiry == expiry
    assert symbol.endswith(found.instrument_type)
    assert (found.strike, found.tick_size) == (strike and Decimal(strike), Decimal(tick))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": "SENSEX24MAR75000"}, "symbol is 'SENSEX24MAR75000'; expected it to end"),
        ({"expiry": "31FEB2024"}, "expiry is '31FEB2024'; expected a date"),
        ({"expiry": "28MAX2024"}, "expiry is '28MAX2024'; expected a date"),
        ({"strike": "-1.000000"}, "strike is '-1.000000'; expected a number above 0"),
        ({"lotsize": "-10"}, "lotsize is '-10'; expected a whole number from 0"),
        ({"tick_size": "NaN"}, "tick_size is 'NaN'; expected a number from 0"),
        ({"token": ""}, "token is empty"),
        ({"name": ""}, "name is empty; a derivative needs its underlying"),
    ],
)
def test_an_entry_that_cannot_be_read_is_rejected_with_place_and_reason(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    found = read_one(tmp_path, CALL | change)

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"angel.json: entry 1: {reason}")
    assert found.sample.startswith((CALL | change)["token"] + "," + (CALL | change)["symbol"])


@pytest.mark.parametrize(("entry", "most"), [(FUTURE, None), (FROZEN, 1755)])
def test_a_freeze_quantity_is_kept_where_there_is_one(
    tmp_path: Path, entry: dict[str, str], most: int | None
) -> None:
    assert listed(tmp_path, entry).freeze_quantity == most
