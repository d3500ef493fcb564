"""Dhan's detailed file, in 31 and 39 columns: how its lines become instruments."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market.brokers import dhan
from oadb.market.instruments import Instrument, Listing, Rejected

COMMON = (
    "EXCH_ID,SEGMENT,SECURITY_ID,ISIN,INSTRUMENT,UNDERLYING_SECURITY_ID,UNDERLYING_SYMBOL,"
    "SYMBOL_NAME,DISPLAY_NAME,INSTRUMENT_TYPE,SERIES,LOT_SIZE,SM_EXPIRY_DATE,STRIKE_PRICE,"
    "OPTION_TYPE,TICK_SIZE,EXPIRY_FLAG,BRACKET_FLAG,COVER_FLAG,ASM_GSM_FLAG,ASM_GSM_CATEGORY,"
    "BUY_SELL_INDICATOR,BUY_CO_MIN_MARGIN_PER"
)
HEADINGS = {31: COMMON + ",x" * 8, 39: COMMON + ",x" * 16}

SHARE = "NSE,E,1333,INE040A01034,EQUITY,,HDFCBANK,HDFC BANK LTD,HDFC Bank,ES,EQ,1,,,,10,NA"
BOND = "NSE,E,1000,IN2220200306,EQUITY,,656MH32,SDL MH 6.56% 2032,SDL,DBT,SG,100,,,,1,NA"
INDEX = "NSE,I,13,NA,INDEX,13,NIFTY,NIFTY 50,Nifty 50,INDEX,NA,1,0001-01-01,,XX,0.05,N"
FUTURE = (
    "NSE,D,52175,NA,FUTIDX,13,NIFTY,NIFTY-Sep2026-FUT,NIFTY SEP FUT,FUT,NA,75,29/09/26,-0.01,XX,"
    "10,M"
)
CALL = (
    "NSE,D,50001,NA,OPTSTK,16669,BAJAJ-AUTO,BAJAJ-AUTO-Jul2026-9000-CE,BAJAJ-AUTO 30 JUL 9000 CALL,"
    "OP,NA,75,2026-07-30,9000.00000,CE,5,M"
)
CURRENCY = (
    "NSE,C,5000,NA,OPTCUR,1,USDINR,USDINR-Aug2026-88.25-PE,USDINR 26 AUG 88.25 PUT,OP,NA,1,"
    "2026-08-26 12:30:00,88.25,PE,0.25,M"
)


def read_one(tmp_path: Path, line: str, columns: int = 31) -> Listing | Rejected:
    file = tmp_path / "dhan.csv"
    padding = ",0" * (columns - line.count(",") - 1)
    file.write_text(f"{HEADINGS[columns]}\n{line}{padding}\n")
    (found,) = dhan.read(file)
    return found


def listed(tmp_path: Path, line: str, columns: int = 31) -> Instrument:
    found = read_one(tmp_path, line, columns)
    assert isinstance(found, Listing), found
    return found.instrument()


@pytest.mark.parametrize("columns", HEADINGS)
def test_a_share_is_read_as_from_the_compact_file(tmp_path: Path, columns: int) -> None:
    assert listed(tmp_path, SHARE, columns) == Instrument(
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


@pytest.mark.parametrize("columns", HEADINGS)
@pytest.mark.parametrize(
    ("line", "exchange", "symbol", "theirs", "tick"),
    [
        (BOND, "NSE", "656MH32-SG", "656MH32", "0.01"),
        (INDEX, "NSE_INDEX", "NIFTY", "NIFTY", "0"),
        (FUTURE, "NFO", "NIFTY29SEP26FUT", "NIFTY-Sep2026-FUT", "0.1"),
        (CALL, "NFO", "BAJAJ-AUTO30JUL269000CE", "BAJAJ-AUTO-Jul2026-9000-CE", "0.05"),
        (CURRENCY, "CDS", "USDINR26AUG2688.25PE", "USDINR-Aug2026-88.25-PE", "0.0025"),
    ],
)
def test_every_kind_has_its_symbol_and_dhans(
    tmp_path: Path, columns: int, line: str, exchange: str, symbol: str, theirs: str, tick: str
) -> None:
    found = listed(tmp_path, line, columns)

    assert (found.exchange, found.symbol, found.broker_symbol) == (exchange, symbol, theirs)
    assert found.tick_size == Decimal(tick)


@pytest.mark.parametrize("text", ["2026-09-29", "29/09/26", "29/09/2026", "29/9/26", "29-SEP-2026"])
def test_a_date_may_have_the_day_first(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path, FUTURE.replace("29/09/26", text)).expiry == date(2026, 9, 29)


@pytest.mark.parametrize("text", ["09/29/26", "29/09", "29/09/", "29/09/26/1", "//", "1/1/1999"])
def test_another_date_is_rejected(tmp_path: Path, text: str) -> None:
    found = read_one(tmp_path, FUTURE.replace("29/09/26", text))

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"dhan.csv:2: SM_EXPIRY_DATE is {text!r}; expected a date")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (CALL.replace("-CE,", "-XX,"), "SYMBOL_NAME is 'BAJAJ-AUTO-Jul2026-9000-XX'"),
        (CALL.replace(",BAJAJ-AUTO,", ",,"), "UNDERLYING_SYMBOL is empty"),
        (SHARE.replace(",HDFCBANK,", ",,"), "broker_symbol is empty"),
        (FUTURE.replace(",D,", ",E,"), "instrument 'FUTIDX' in segment 'E' is unknown"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_the_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    assert str(read_one(tmp_path, line)).startswith(f"dhan.csv:2: {reason}")


def test_a_detailed_file_without_a_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dhan.csv"
    file.write_text(f"{COMMON.replace('LOT_SIZE', 'LOTS')}\n")

    with pytest.raises(LoadError, match=r"dhan\.csv:1: the heading lacks LOT_SIZE"):
        list(dhan.read(file))
