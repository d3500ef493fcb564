"""Zerodha's file: how its lines become instruments, and which are rejected."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb import Transaction
from oadb.errors import LoadError
from oadb.market import loads
from oadb.market.brokers import zerodha
from oadb.market.instruments import Instrument, Listing, Rejected
from tests.market.brokers.samples import CALL, FUTURE, HEADING, INDEX, PUT, SHARE, written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "instruments.csv"


def read_one(file: Path, line: str) -> Instrument:
    (found,) = zerodha.read(written(file, line))
    assert isinstance(found, Listing)
    return found.instrument()


def test_a_share_keeps_its_symbol(file: Path) -> None:
    assert read_one(file, SHARE) == Instrument(
        broker="zerodha",
        exchange="NSE",
        symbol="INFY",
        name="INFOSYS",
        broker_symbol="INFY",
        broker_exchange="NSE",
        token="408065::::1594",
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.1"),
    )


def test_an_index_is_on_its_own_exchange(file: Path) -> None:
    found = read_one(file, INDEX)

    assert (found.exchange, found.symbol, found.instrument_type) == ("NSE_INDEX", "NIFTY", "INDEX")
    assert (found.broker_exchange, found.broker_symbol) == ("NSE", "NIFTY 50")
    assert (found.lot_size, found.tick_size) == (0, Decimal(0))


@pytest.mark.parametrize(
    ("line", "symbol", "expiry", "strike"),
    [
        (FUTURE, "NIFTY31JUL25FUT", date(2025, 7, 31), None),
        (CALL, "NIFTY31JUL2524000CE", date(2025, 7, 31), Decimal(24000)),
        (PUT, "USDINR05AUG2586.25PE", date(2025, 8, 5), Decimal("86.25")),
        (
            CALL.replace("24000.0", "0.00000001"),
            "NIFTY31JUL250.00000001CE",
            date(2025, 7, 31),
            Decimal("1E-8"),
        ),
    ],
)
def test_a_derivative_is_named_by_underlying_expiry_and_strike(
    file: Path, line: str, symbol: str, expiry: date, strike: Decimal | None
) -> None:
    found = read_one(file, line)

    assert (found.symbol, found.expiry, found.strike) == (symbol, expiry, strike)


def test_the_name_of_an_instrument_without_one_is_none(file: Path) -> None:
    assert read_one(file, SHARE.replace("INFOSYS", "")).name is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (FUTURE.replace("2025-07-31", "31/07/2025"), "expiry is '31/07/2025'; expected a date"),
        (FUTURE.replace("2025-07-31", "2025-02-30"), "expiry is '2025-02-30'; expected a date"),
        (FUTURE.replace(",75,", ",many,"), "lot_size is 'many'; expected a whole number"),
        (FUTURE.replace(",75,", ",7.5,"), "lot_size is '7.5'; expected a whole number"),
        (FUTURE.replace(",75,", f",{'9' * 5000},"), "lot_size is '999"),
        (FUTURE.replace(",75,", ",-75,"), "lot_size is '-75'; expected a whole number from 0"),
        (FUTURE.replace(",75,", f",{2**63},"), "lot_size is '9223372036854775808'; expected"),
        (FUTURE.replace("2025-07-31", ""), "expiry is ''; expected a date"),
        (FUTURE.replace("2025-07-31", "0001-01-01"), "expiry is '0001-01-01'; expected a date"),
        (FUTURE.replace("2025-07-31", "2025-W31-4"), "expiry is '2025-W31-4'; expected a date"),
        (FUTURE.replace(",NIFTY,", ",,"), "name is empty; a derivative needs its underlying"),
        (SHARE.replace("INFY", ""), "broker_symbol is empty"),
        (FUTURE.replace("NIFTY25JULFUT", " "), "broker_symbol is empty"),
        (FUTURE.replace("NFO-FUT,NFO", "NFO-FUT,"), "exchange is empty"),
        (INDEX.replace("INDICES,NSE", "INDICES,"), "exchange is empty"),
        (SHARE.replace(",EQ,", ",,"), "instrument_type is empty"),
        (SHARE.replace("NSE,NSE", "NSE," + "x" * 201), "exchange has 201 characters"),
        (SHARE.replace("INFOSYS", "x" * 201), "name has 201 characters; at most 200"),
        (SHARE.replace(",0.1,", ",-0.1,"), "tick_size is '-0.1'; expected a number from 0"),
        (CALL.replace("24000.0", "0.0"), "strike is '0.0'; expected a number above 0"),
        (CALL.replace("24000.0", "1_000"), "strike is '1_000'; expected a number above 0"),
        (CALL.replace("24000.0", "\u0662"), "strike is '\u0662'; expected a number above 0"),
        (SHARE.replace(",0.1,", ",,"), "tick_size is ''; expected a number"),
        (CALL.replace("24000.0", "high"), "strike is 'high'; expected a number"),
        (SHARE + ",more", "13 fields; the first line has 12"),
        ("408065,1594", "2 fields; the first line has 12"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_place_and_reason(
    file: Path, line: str, reason: str
) -> None:
    before, rejected, after = zerodha.read(written(file, SHARE, line, INDEX))

    assert isinstance(rejected, Rejected)
    assert str(rejected).startswith(f"instruments.csv:3: {reason}")
    assert len(str(rejected)) < 200
    assert isinstance(before, Listing)
    assert isinstance(after, Listing)


@pytest.mark.parametrize(
    "strike", ["NaN", "sNaN", "Infinity", "1e9999999", "1e400000", "-1e400000"]
)
@pytest.mark.parametrize(
    "line", [CALL, SHARE.replace(",0.1,", ",24000.0,")], ids=["strike", "tick"]
)
def test_an_absurd_number_rejects_only_its_line(
    tx: Transaction, file: Path, line: str, strike: str
) -> None:
    rows = zerodha.read(written(file, FUTURE, line.replace("24000.0", strike), INDEX))
    report = loads.load(tx, "zerodha", rows, force=True)

    assert (report.accepted, report.rejected.rows) == (2, 1)


def test_a_file_without_a_column_is_refused(file: Path) -> None:
    heading = HEADING.replace("strike", "price").replace("expiry", "until")

    with pytest.raises(LoadError, match=r"instruments\.csv:1: the heading lacks expiry, strike"):
        list(zerodha.read(written(file, SHARE, heading=heading)))


def test_columns_may_have_another_order_and_others_between_them(file: Path) -> None:
    columns = [*reversed(HEADING.split(",")), "new"]
    line = ",".join([*reversed(SHARE.split(",")), "x"])
    (moved,) = zerodha.read(written(file, line, heading=",".join(columns)))

    assert isinstance(moved, Listing)
    assert moved.instrument() == read_one(file, SHARE)
