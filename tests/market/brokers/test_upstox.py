"""Upstox's files, JSON and CSV: how their rows become instruments."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oadb.errors import LoadError
from oadb.market.brokers import upstox
from oadb.market.instruments import Instrument, Listing, Rejected

SHARE = {
    "segment": "NSE_EQ",
    "name": "JOCIL LIMITED",
    "exchange": "NSE",
    "isin": "INE839G01010",
    "instrument_type": "EQ",
    "instrument_key": "NSE_EQ|INE839G01010",
    "lot_size": 1,
    "freeze_quantity": 100000.0,
    "exchange_token": "16927",
    "tick_size": 5.0,
    "trading_symbol": "JOCIL",
    "short_name": "JOCIL",
    "security_type": "NORMAL",
}
BOND = {
    "segment": "NSE_EQ",
    "name": "SDL RJ 7.15% 2053",
    "exchange": "NSE",
    "isin": "IN2920250148",
    "instrument_type": "SG",
    "instrument_key": "NSE_EQ|IN2920250148",
    "lot_size": 100,
    "freeze_quantity": 100000.0,
    "exchange_token": "757833",
    "tick_size": 1.0,
    "trading_symbol": "715RJ53",
    "qty_multiplier": 1.0,
    "security_type": "NORMAL",
}
INDEX = {
    "segment": "NSE_INDEX",
    "name": "Nifty 50",
    "exchange": "NSE",
    "instrument_type": "INDEX",
    "instrument_key": "NSE_INDEX|Nifty 50",
    "exchange_token": "26000",
    "trading_symbol": "NIFTY",
}
CALL = {
    "weekly": False,
    "segment": "NSE_FO",
    "name": "BANKNIFTY",
    "exchange": "NSE",
    "expiry": 1767119399000,
    "instrument_type": "CE",
    "asset_symbol": "BANKNIFTY",
    "underlying_symbol": "BANKNIFTY",
    "instrument_key": "NSE_FO|50904",
    "lot_size": 35,
    "freeze_quantity": 875.0,
    "exchange_token": "50904",
    "minimum_lot": 35,
    "asset_key": "NSE_INDEX|Nifty Bank",
    "underlying_key": "NSE_INDEX|Nifty Bank",
    "tick_size": 5.0,
    "asset_type": "INDEX",
    "underlying_type": "INDEX",
    "trading_symbol": "BANKNIFTY 51200 CE 30 DEC 25",
    "strike_price": 51200.0,
    "qty_multiplier": 1.0,
}
FUTURE = CALL | {
    "segment": "NCD_FO",
    "name": "US Dollar",
    "instrument_type": "FUT",
    "strike_price": 0.0,
    "underlying_symbol": "USDINR",
    "instrument_key": "NCD_FO|1",
    "lot_size": 1,
    "tick_size": 0.25,
    "trading_symbol": "USDINR FUT 30 DEC 25",
    "qty_multiplier": 1000.0,
}

HEADING = (
    "instrument_key,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,option_type,exchange"
)
CSV_CALL = (
    "NSE_FO|164693,164693,RELIANCE24JAN1840CE,RELIANCE INDUSTRIES LTD,424.8,2024-01-25,1840.0,"
    "0.05,250,OPTSTK,CE,NSE_FO"
)


def read_one(tmp_path: Path, text: str) -> Listing | Rejected:
    file = tmp_path / "complete"
    file.write_text(text)
    (found,) = upstox.read(file)
    return found


def listed(tmp_path: Path, entry: dict[str, Any]) -> Instrument:
    found = read_one(tmp_path, json.dumps([entry]))
    assert isinstance(found, Listing), found
    return found.instrument()


def listed_csv(tmp_path: Path, line: str) -> Instrument:
    found = read_one(tmp_path, f"{HEADING}\n{line}\n")
    assert isinstance(found, Listing), found
    return found.instrument()


def test_a_share_is_read_from_json_and_its_tick_is_in_rupees(tmp_path: Path) -> None:
    assert listed(tmp_path, SHARE) == Instrument(
        broker="upstox",
        exchange="NSE",
        symbol="JOCIL",
        name="JOCIL LIMITED",
        broker_symbol="JOCIL",
        broker_exchange="NSE_EQ",
        token="NSE_EQ|INE839G01010",
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.05"),
        freeze_quantity=100_000,
    )


def test_a_bond_has_its_series_in_its_symbol(tmp_path: Path) -> None:
    found = listed(tmp_path, BOND)

    assert (found.symbol, found.broker_symbol) == ("715RJ53-SG", "715RJ53")
    assert (found.instrument_type, found.tick_size) == ("GSEC", Decimal("0.01"))


def test_an_index_has_neither_lot_nor_tick(tmp_path: Path) -> None:
    found = listed(tmp_path, INDEX)

    assert (found.exchange, found.symbol, found.instrument_type) == ("NSE_INDEX", "NIFTY", "INDEX")
    assert (found.lot_size, found.tick_size) == (0, Decimal(0))


def test_the_expiry_of_an_option_is_the_date_in_india(tmp_path: Path) -> None:
    found = listed(tmp_path, CALL)

    assert (found.exchange, found.symbol) == ("NFO", "BANKNIFTY30DEC2551200CE")
    assert (found.expiry, found.strike) == (date(2025, 12, 30), Decimal(51200))
    # A minute later, when London still has the day before.
    later = listed(tmp_path, CALL | {"expiry": 1767119460000})
    assert later.expiry == date(2025, 12, 31)


def test_a_future_is_named_by_its_underlying_and_has_its_contract_value(
    tmp_path: Path,
) -> None:
    found = listed(tmp_path, FUTURE)

    assert (found.exchange, found.symbol, found.name) == ("CDS", "USDINR30DEC25FUT", "USDINR")
    assert (found.tick_size, found.contract_value) == (Decimal("0.0025"), Decimal(1000))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"segment": "NYSE"}, "segment is 'NYSE'; expected one of NSE_EQ"),
        ({"expiry": "soon"}, "expiry is 'soon'; expected a date"),
        ({"expiry": 17671193990000000}, "expiry is '17671193990000000'; expected a date"),
        ({"strike_price": float("nan")}, "strike_price is 'NaN'; expected a number above 0"),
        ({"strike_price": float("inf")}, "strike_price is 'Infinity'; expected a number"),
        ({"lot_size": -35}, "lot_size is '-35'; expected a whole number from 0"),
        ({"lot_size": 0.5}, "lot_size is '0.5'; expected a whole number from 0"),
        ({"qty_multiplier": 0}, "qty_multiplier is '0'; expected a number above 0"),
        ({"freeze_quantity": 0.5}, "freeze_quantity is '0.5'; expected a whole number from 0"),
        ({"instrument_key": None}, "token is empty"),
        ({"name": ["x"]}, "\"['x']\" is neither text nor number"),
    ],
)
def test_an_entry_that_cannot_be_read_is_rejected_with_the_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    found = read_one(tmp_path, json.dumps([CALL | change]))

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"complete: entry 1: {reason}")


def test_an_option_is_read_from_csv(tmp_path: Path) -> None:
    assert listed_csv(tmp_path, CSV_CALL) == Instrument(
        broker="upstox",
        exchange="NFO",
        symbol="RELIANCE25JAN241840CE",
        name="RELIANCE",
        broker_symbol="RELIANCE24JAN1840CE",
        broker_exchange="NSE_FO",
        token="NSE_FO|164693",
        instrument_type="CE",
        underlying="RELIANCE",
        expiry=date(2024, 1, 25),
        strike=Decimal(1840),
        lot_size=250,
        tick_size=Decimal("0.05"),
    )


@pytest.mark.parametrize(
    ("theirs", "expiry", "strike", "kind", "symbol", "name"),
    [
        ("NIFTYNXT5024JANFUT", "2024-01-25", "0.0", "FUTIDX", "NIFTYNXT5025JAN24FUT", "NIFTYNXT50"),
        ("NIFTY2410421500PE", "2024-01-04", "21500.0", "OPTIDX", "NIFTY04JAN2421500PE", "NIFTY"),
        ("NIFTY24D0521500PE", "2024-12-05", "21500.0", "OPTIDX", "NIFTY05DEC2421500PE", "NIFTY"),
        ("M&M24JAN1502.5CE", "2024-01-25", "1502.50", "OPTSTK", "M&M25JAN241502.5CE", "M&M"),
    ],
)
def test_the_underlying_is_found_in_the_symbol_of_a_csv_file(
    tmp_path: Path, theirs: str, expiry: str, strike: str, kind: str, symbol: str, name: str
) -> None:
    option = theirs[-2:] if kind.startswith("OPT") else ""
    line = f"NSE_FO|1,1,{theirs},COMPANY LTD,0,{expiry},{strike},0.05,50,{kind},{option},NSE_FO"
    found = listed_csv(tmp_path, line)

    assert (found.symbol, found.name) == (symbol, name)


def test_a_share_and_an_index_are_read_from_csv(tmp_path: Path) -> None:
    share = listed_csv(
        tmp_path,
        "NSE_EQ|INE467B01029,11536,TCS,Tata Consultancy,0,,,0.05,1,EQUITY,,NSE_EQ",
    )
    index = listed_csv(
        tmp_path, "NSE_INDEX|Nifty 50,26000,NIFTY 50,Nifty 50,1.0,,,,,INDEX,,NSE_INDEX"
    )

    assert (share.exchange, share.symbol, share.instrument_type) == ("NSE", "TCS", "EQ")
    assert (index.exchange, index.symbol, index.instrument_type) == ("NSE_INDEX", "NIFTY", "INDEX")


def test_a_symbol_in_csv_without_its_expiry_is_rejected(tmp_path: Path) -> None:
    line = CSV_CALL.replace("24JAN", "24FEB")

    assert "expected 24125 or 24JAN in it" in str(read_one(tmp_path, f"{HEADING}\n{line}\n"))


def test_a_damaged_gzip_is_refused_before_its_format_is_known(tmp_path: Path) -> None:
    file = tmp_path / "complete.json.gz"
    file.write_bytes(gzip.compress(b"[" + b"x" * 100)[:20])

    with pytest.raises(LoadError, match=r"complete\.json\.gz: damaged gzip"):
        list(upstox.read(file))


@pytest.mark.parametrize("quantity", [0, 0.0, None])
def test_a_freeze_quantity_of_0_is_none(tmp_path: Path, quantity: float | None) -> None:
    assert listed(tmp_path, CALL | {"freeze_quantity": quantity}).freeze_quantity is None
