"""Dhan's file: how its lines become instruments."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.market.brokers import dhan
from oadb.market.instruments import Instrument, Listing, Rejected

HEADING = (
    "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_EXPIRY_CODE,"
    "SEM_TRADING_SYMBOL,SEM_LOT_UNITS,SEM_CUSTOM_SYMBOL,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,"
    "SEM_OPTION_TYPE,SEM_TICK_SIZE,SEM_EXPIRY_FLAG,SEM_EXCH_INSTRUMENT_TYPE,SEM_SERIES,"
    "SM_SYMBOL_NAME"
)
SHARE = "NSE,E,1333,EQUITY,0,HDFCBANK,1.0,HDFC Bank,,,,10.0000,NA,ES,EQ,HDFC BANK LTD"
INDEX = "NSE,I,13,INDEX,0,NIFTY,1.0,Nifty 50,0001-01-01,,XX,0.0500,,INDEX,X,NIFTY"
FUTURE = (
    "NSE,D,52175,FUTIDX,0,NIFTY-Sep2026-FUT,75.0,NIFTY SEP FUT,2026-09-29 14:30:00,-0.01000,XX,"
    "10.0000,M,FUT,NA,"
)
CALL = (
    "NSE,D,50001,OPTSTK,0,BAJAJ-AUTO-Jul2026-9000-CE,75.0,BAJAJ AUTO 30 JUL 9000 CALL,"
    "2026-07-30 15:30:00,9000.00000,CE,5.0000,M,OP,NA,BAJOPT"
)
CURRENCY = (
    "NSE,C,5000,OPTCUR,0,USDINR-26Aug2026-88.25-PE,1.0,USDINR 26 AUG 88.25 PUT,"
    "2026-08-26 12:30:00,88.25000,PE,0.2500,M,OPTCUR,NA,USDINR"
)
GOLD = (
    "MCX,M,40000,FUTCOM,0,GOLD-05Oct2026-FUT,1.0,GOLD OCT FUT,2026-10-05 23:30:00,-0.01000,XX,"
    "100.0000,M,FUTCOM,NA,GOLD"
)


def read_one(tmp_path: Path, line: str) -> Listing | Rejected:
    file = tmp_path / "dhan.csv"
    file.write_text(f"{HEADING}\n{line}\n")
    (found,) = dhan.read(file)
    return found


def listed(tmp_path: Path, line: str) -> Instrument:
    found = read_one(tmp_path, line)
    assert isinstance(found, Listing), found
    return found.instrument()


def test_a_share_has_its_tick_in_rupees(tmp_path: Path) -> None:
    assert listed(tmp_path, SHARE) == Instrument(
        broker="dhan",
        exchange="NSE",
        symbol="HDFCBANK",
        name="HDFC BANK LTD",
        broker_symbol="HDFCBANK",
        broker_exchange="NSE_EQ",
        token="1333",
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.1"),
    )


@pytest.mark.parametrize(
    ("exchange", "series", "symbol"),
    [("NSE", "BE", "HDFCBANK-BE"), ("NSE", "EQ", "HDFCBANK"), ("BSE", "A", "HDFCBANK")],
)
def test_a_series_of_nse_is_in_the_symbol(
    tmp_path: Path, exchange: str, series: str, symbol: str
) -> None:
    line = SHARE.replace("NSE,", f"{exchange},", 1).replace(",ES,EQ,", f",ES,{series},")

    assert listed(tmp_path, line).symbol == symbol


@pytest.mark.parametrize(
    ("name", "symbol"), [("NIFTY", "NIFTY"), ("INDIA VIX", "INDIAVIX"), ("Nifty Bank", "BANKNIFTY")]
)
def test_an_index_is_on_its_own_exchange(tmp_path: Path, name: str, symbol: str) -> None:
    found = listed(tmp_path, INDEX.replace(",0,NIFTY,", f",0,{name},"))

    assert (found.exchange, found.symbol, found.expiry) == ("NSE_INDEX", symbol, None)
    assert (found.broker_exchange, found.tick_size) == ("IDX_I", Decimal(0))


@pytest.mark.parametrize(
    ("line", "exchange", "symbol", "name", "expiry", "strike", "tick"),
    [
        (FUTURE, "NFO", "NIFTY29SEP26FUT", "NIFTY", date(2026, 9, 29), None, "0.1"),
        (CALL, "NFO", "BAJAJ-AUTO30JUL269000CE", "BAJAJ-AUTO", date(2026, 7, 30), "9000", "0.05"),
        (CURRENCY, "CDS", "USDINR26AUG2688.25PE", "USDINR", date(2026, 8, 26), "88.25", "0.0025"),
        (GOLD, "MCX", "GOLD05OCT26FUT", "GOLD", date(2026, 10, 5), None, "1"),
    ],
)
def test_a_derivative_is_named_by_underlying_expiry_and_strike(
    tmp_path: Path,
    line: str,
    exchange: str,
    symbol: str,
    name: str,
    expiry: date,
    strike: str | None,
    tick: str,
) -> None:
    found = listed(tmp_path, line)

    assert (found.exchange, found.symbol, found.name) == (exchange, symbol, name)
    assert found.expiry == expiry
    assert symbol.endswith(found.instrument_type)
    assert (found.strike, found.tick_size) == (strike and Decimal(strike), Decimal(tick))


@pytest.mark.parametrize(
    ("line", "exchange", "theirs"),
    [
        (CURRENCY.replace("OPTCUR", "OPTIRD"), "CDS", "NSE_CURRENCY"),
        (FUTURE.replace(",D,", ",C,").replace("FUTIDX", "FUTIRC"), "CDS", "NSE_CURRENCY"),
        (FUTURE.replace(",D,", ",C,").replace("NSE,", "BSE,"), "BCD", "BSE_CURRENCY"),
        (GOLD.replace("MCX,", "NSE,"), "NCO", "NSE_COMM"),
        (GOLD.replace("FUTCOM", "FUTIDX"), "MCX", "MCX_COMM"),
        (FUTURE.replace(",D,", ",M,").replace("FUTIDX", "FUTSTK"), "NCO", "NSE_COMM"),
    ],
)
def test_the_segment_says_the_exchange_whatever_the_instrument_is_called(
    tmp_path: Path, line: str, exchange: str, theirs: str
) -> None:
    found = listed(tmp_path, line)

    assert (found.exchange, found.broker_exchange) == (exchange, theirs)


def test_a_lot_of_ten_million_is_read(tmp_path: Path) -> None:
    assert listed(tmp_path, SHARE.replace(",1.0,", ",1.00E+07,")).lot_size == 10_000_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SHARE.replace("NSE,", "NYSE,"), "segment 'E' on exchange 'NYSE' is unknown"),
        (SHARE.replace(",E,", ",Z,"), "segment 'Z' on exchange 'NSE' is unknown"),
        (SHARE.replace("EQUITY", "DEBT"), "instrument 'DEBT' in segment 'E' is unknown"),
        (SHARE.replace("EQUITY", "FUTCUR"), "instrument 'FUTCUR' in segment 'E' is unknown"),
        (FUTURE.replace("FUTIDX", "EQUITY"), "instrument 'EQUITY' in segment 'D' is unknown"),
        (FUTURE.replace("FUTIDX", "INDEX"), "instrument 'INDEX' in segment 'D' is unknown"),
        (CALL.replace("2026-07-30 15:30:00", "30/07/2026"), "SEM_EXPIRY_DATE is '30/07/2026'"),
        (CALL.replace("9000.00000", "-0.01000"), "SEM_STRIKE_PRICE is '-0.01000'"),
        (CALL.replace(",75.0,", ",75.5,"), "SEM_LOT_UNITS is '75.5'; expected a whole number"),
        (CALL.replace(",5.0000,", ",1e999,"), "SEM_TICK_SIZE is '1e999'; expected a number"),
        (CALL.replace("-CE,", "-XX,"), "SEM_TRADING_SYMBOL is 'BAJAJ-AUTO-Jul2026-9000-XX'"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_the_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    found = read_one(tmp_path, line)

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"dhan.csv:2: {reason}")
