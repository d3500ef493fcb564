"""Fyers' files: how their lines become instruments."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market.brokers import fyers
from oadb.market.instruments import Instrument, Listing, Rejected

SHARE = (
    "101000000016921,20 MICRONS LTD,0,1,0.01,INE144J01027,0915-1530|1815-1915:,2026-09-24,,"
    "NSE:20MICRONS-EQ,10,10,16921,20MICRONS,16921,-1.0,XX,101000000016921,None,1,2.0"
)
INDEX = (
    "101000000026000,NIFTY50-INDEX,10,0,0.05,,0915-1530|1815-1915:,2026-09-09,,"
    "NSE:NIFTY50-INDEX,10,10,26000,NIFTY,26000,-1.0,XX,101000000026000,None,0,0.0"
)
CALL = (
    "101126092935000,BANKNIFTY 29 Sep 26 72600 CE,14,30,0.05,,0915-1540|1815-1915:,2026-09-24,"
    "1790676600,NSE:BANKNIFTY26SEP72600CE,10,11,35000,BANKNIFTY,26009,72600.0,CE,"
    "101000000026009,None,0,0.0"
)
FUTURE = (
    "1120260921565899,CRUDEOIL 21 Sep 26 FUT,30,1,1.0,,0900-2330|1815-1915:,2026-09-10,"
    "1790013600,MCX:CRUDEOIL26SEPFUT,11,20,565899,CRUDEOIL,294,-1.0,XX,1120000000294,"
    "1790013600,0,0.0"
)


def read_one(tmp_path: Path, line: str) -> Listing | Rejected:
    file = tmp_path / "NSE_FO.csv"
    file.write_text(f"{line}\n")
    (found,) = fyers.read(file)
    return found


def listed(tmp_path: Path, line: str) -> Instrument:
    found = read_one(tmp_path, line)
    assert isinstance(found, Listing), found
    return found.instrument()


def test_a_share_loses_its_exchange_and_series(tmp_path: Path) -> None:
    assert listed(tmp_path, SHARE) == Instrument(
        broker="fyers",
        exchange="NSE",
        symbol="20MICRONS",
        name="20 MICRONS LTD",
        broker_symbol="NSE:20MICRONS-EQ",
        broker_exchange="NSE",
        token="101000000016921",
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.01"),
    )


@pytest.mark.parametrize(
    ("ticker", "numbers", "symbol"),
    [
        ("NSE:715RJ53-SG", "10,10", "715RJ53-SG"),
        ("NSE:BAJAJ-AUTO-EQ", "10,10", "BAJAJ-AUTO"),
        ("BSE:BAJAJ-AUTO-A", "12,10", "BAJAJ-AUTO"),
    ],
)
def test_other_series_of_nse_stay_and_groups_of_bse_go(
    tmp_path: Path, ticker: str, numbers: str, symbol: str
) -> None:
    line = SHARE.replace("NSE:20MICRONS-EQ,10,10", f"{ticker},{numbers}")

    assert listed(tmp_path, line).symbol == symbol


@pytest.mark.parametrize(
    ("ticker", "numbers", "exchange", "symbol"),
    [
        ("NSE:NIFTY50-INDEX", "10,10", "NSE_INDEX", "NIFTY"),
        ("NSE:NIFTYBANK-INDEX", "10,10", "NSE_INDEX", "BANKNIFTY"),
        ("BSE:SENSEX-INDEX", "12,10", "BSE_INDEX", "SENSEX"),
    ],
)
def test_an_index_is_on_its_own_exchange(
    tmp_path: Path, ticker: str, numbers: str, exchange: str, symbol: str
) -> None:
    found = listed(tmp_path, INDEX.replace("NSE:NIFTY50-INDEX,10,10", f"{ticker},{numbers}"))

    assert (found.exchange, found.symbol, found.instrument_type) == (exchange, symbol, "INDEX")


@pytest.mark.parametrize(
    ("line", "exchange", "symbol", "name", "expiry", "strike"),
    [
        (CALL, "NFO", "BANKNIFTY29SEP2672600CE", "BANKNIFTY", date(2026, 9, 29), "72600"),
        (FUTURE, "MCX", "CRUDEOIL21SEP26FUT", "CRUDEOIL", date(2026, 9, 21), None),
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
) -> None:
    found = listed(tmp_path, line)

    assert (found.exchange, found.symbol, found.name) == (exchange, symbol, name)
    assert (found.expiry, found.strike) == (expiry, strike and Decimal(strike))
    assert symbol.endswith(found.instrument_type)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (CALL.replace(",10,11,", ",10,17,"), "segment '17' on exchange '10' is unknown"),
        (CALL.replace(",1790676600,", ",,"), "expiry is ''; expected a date"),
        (CALL.replace(",72600.0,", ",nan,"), "strike is 'nan'; expected a number above 0"),
        (CALL.replace(",14,30,", ",14,-30,"), "lot_size is '-30'; expected a whole number"),
        (CALL.replace(",CE,", ",?,"), "option_type is '?'; expected CE, PE, or XX for a future"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_the_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    found = read_one(tmp_path, line)

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"NSE_FO.csv:1: {reason}")


@pytest.mark.parametrize("instrument", ["11", "13", "16", "17", "18", "25", "30"])
@pytest.mark.parametrize("option", ["", "XX"])
def test_the_option_type_of_a_future_is_empty_or_xx(
    tmp_path: Path, instrument: str, option: str
) -> None:
    line = FUTURE.replace(",XX,", f",{option},").replace(",30,1,", f",{instrument},1,")

    assert listed(tmp_path, line).instrument_type == "FUT"


def test_a_future_of_bse_is_read(tmp_path: Path) -> None:
    line = (
        "1211251127865820,SBIN 25 Nov 27 FUT ,13,750,0.05,,0915-1530|1815-1915:,2025-11-10,"
        "1764237600,BSE:SBIN25NOVFUT,12,11,865820,SBIN,500112,-1.0,,1210000000500112,None,0,0.0"
    )
    found = listed(tmp_path, line)

    assert (found.exchange, found.symbol, found.lot_size) == ("BFO", "SBIN27NOV25FUT", 750)


@pytest.mark.parametrize(
    ("instrument", "option"), [("14", ""), ("14", "XX"), ("13", "CE"), ("20", "XX")]
)
def test_a_derivative_is_a_future_or_an_option_by_its_instrument_type_too(
    tmp_path: Path, instrument: str, option: str
) -> None:
    found = read_one(
        tmp_path, CALL.replace(",CE,", f",{option},").replace(",14,", f",{instrument},")
    )

    assert isinstance(found, Rejected)
    assert found.reason == (
        f"option_type is {option!r}; expected CE, PE, or XX for a future, and the instrument type "
        f"is {instrument!r}"
    )


@pytest.mark.parametrize(
    ("numbers", "root", "value"),
    [("11,20", "CRUDEOIL", 100), ("11,20", "SILVER", 30), ("10,12", "USDINR", 1000),
     ("12,12", "668GS2040", 2000), ("10,11", "SBIN", None), ("11,20", "NICKEL", None)],
)  # fmt: skip  # a table
def test_the_contract_value_is_that_of_the_exchange_or_not_known(
    tmp_path: Path, numbers: str, root: str, value: int | None
) -> None:
    line = FUTURE.replace(",11,20,", f",{numbers},").replace(",CRUDEOIL,", f",{root},")

    assert listed(tmp_path, line).contract_value == value


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"NSE_FO\.csv:1: 3 columns; expected at least 17"):
        read_one(tmp_path, "a,b,c")
