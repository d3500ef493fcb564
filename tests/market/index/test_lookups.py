"""Lookups in an index return what SQL returns."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oadb import Database
from oadb.errors import ParameterError
from oadb.market import instruments, search
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument
from tests.market.index.listed import assert_lookups_find


@pytest.mark.long("every lookup of every row")
def test_every_lookup_of_every_row_returns_what_sql_returns(
    market_db: Database, index: InstrumentIndex, listed: list[Instrument]
) -> None:
    rows = [
        row
        for broker in ("upstox", "zerodha")
        for row in instruments.stream_by_broker(market_db, broker)
    ]

    assert len(rows) == len(listed) + 500
    assert_lookups_find(index, rows)
    assert [str(index.get("zerodha", r.exchange, r.symbol)) for r in listed] == [*map(str, listed)]


# Defect 40.
def test_a_number_as_a_token_is_an_error_and_not_an_unknown_token(index: InstrumentIndex) -> None:
    for lookup in (index.get_token, index.get_symbol, index.find_by_token):
        with pytest.raises(ParameterError, match="must be str, not int"):
            lookup("zerodha", "NSE", 408065)  # type: ignore[arg-type]  # that is the error


LOOKUPS: list[tuple[str, tuple[object, ...]]] = [
    ("get_token", ("zerodha", "NSE", None)),
    ("get_symbol", ("zerodha", None, "408065")),
    ("get_broker_symbol", ("zerodha", "NSE", None)),
    ("get_broker_symbol", ("zerodha", None, "INFY")),
    ("get", ("zerodha", "NSE", None)),
    ("get", (None, "NSE", "INFY")),
    ("find_by_token", ("zerodha", "NSE", None)),
    ("find_by_broker_symbol", ("zerodha", "NSE", None)),
    ("find_by_broker_symbol", ("zerodha", None, "INFY")),
    ("get_all", ("zerodha", [("NSE", None)])),
    ("get_all_by_token", ("zerodha", [("NSE", None)])),
    ("list_exchanges", (None,)),
    ("list_underlyings", ("zerodha", None)),
    ("list_option_expiries", ("zerodha", "NFO", 5)),
    ("list_future_expiries", ("zerodha", None, "NIFTY")),
    ("list_strikes", ("zerodha", "NFO", "NIFTY", None)),
    ("list_chain", ("zerodha", "NFO", None, date(2025, 7, 31))),
    ("list_chain", ("zerodha", "NFO", "NIFTY", datetime(2025, 7, 31, tzinfo=ZoneInfo("UTC")))),
    ("search", ("zerodha", None)),
    ("search", (None, "NIFTY")),
]


@pytest.mark.parametrize(("name", "given"), LOOKUPS)
def test_none_or_a_number_for_a_text_is_refused_in_memory_as_by_sql(
    market_db: Database, index: InstrumentIndex, name: str, given: tuple[object, ...]
) -> None:
    in_sql: Any = search.search if name == "search" else getattr(instruments, name, None)

    with pytest.raises(ParameterError, match="must be"):
        getattr(index, name)(*given)
    if in_sql is not None:
        with pytest.raises(ParameterError):
            in_sql(market_db, *given)


def test_derivatives_are_listed_by_underlying_expiry_and_strike(
    index: InstrumentIndex, listed: list[Instrument]
) -> None:
    nifty = [row for row in listed if row.underlying == "NIFTY" and row.exchange == "NFO"]
    days = {
        kind: {row.expiry for row in nifty if row.instrument_type == kind} for kind in ("CE", "FUT")
    }
    day = date(2025, 7, 31)
    chain = [row for row in nifty if row.expiry == day and row.instrument_type != "FUT"]
    place = ("zerodha", "NFO", "NIFTY")

    assert index.list_underlyings("zerodha", "NFO") == sorted(
        {r.underlying or "" for r in listed if r.exchange == "NFO"}
    )
    assert {*index.list_option_expiries(*place, with_expired=True)} == days["CE"]
    assert {*index.list_future_expiries(*place, with_expired=True)} == days["FUT"]
    assert index.list_strikes(*place, day) == sorted({row.strike or Decimal() for row in chain})
    assert index.list_chain(*place, day) == sorted(
        chain, key=lambda row: (row.strike, row.instrument_type)
    )


@pytest.mark.long("lists every chain of a market")
@pytest.mark.parametrize("underlying", ["NIFTY", "nifty", "RELIANCE", "none"])
def test_derivatives_are_listed_as_by_sql(
    market_db: Database, index: InstrumentIndex, underlying: str
) -> None:
    sql: Any = instruments
    place = ("zerodha", "NFO", underlying)

    assert index.list_exchanges("zerodha") == sql.list_exchanges(market_db, "zerodha")
    for flag in (False, True):
        assert index.list_underlyings(*place[:2], with_futures=flag) == sql.list_underlyings(
            market_db, *place[:2], with_futures=flag
        )
        for name in ("list_option_expiries", "list_future_expiries"):
            assert getattr(index, name)(*place, with_expired=flag) == getattr(sql, name)(
                market_db, *place, with_expired=flag
            )
    for day in index.list_future_expiries(*place, with_expired=True):
        for name in ("list_strikes", "list_chain"):
            assert getattr(index, name)(*place, day) == getattr(sql, name)(market_db, *place, day)


@pytest.mark.parametrize("exchange", ["NFO", "MCX", "NSE", "NOWHERE"])
def test_expiries_of_an_exchange_are_those_of_sql(
    market_db: Database, index: InstrumentIndex, exchange: str
) -> None:
    place, flag = ("zerodha", exchange, None), {"with_expired": True}

    options = index.list_option_expiries(*place, **flag)
    assert options == instruments.list_option_expiries(market_db, *place, **flag)
    futures = index.list_future_expiries(*place, **flag)
    assert futures == instruments.list_future_expiries(market_db, *place, **flag)
    assert bool(options) is (exchange == "NFO") or exchange == "MCX"


def test_expired_contracts_are_listed_only_on_request(index: InstrumentIndex) -> None:
    place = ("zerodha", "NFO", "NIFTY")
    today = datetime.now(ZoneInfo("Asia/Kolkata")).date()
    for listed in (index.list_option_expiries, index.list_future_expiries):
        every = listed(*place, with_expired=True)
        assert listed(*place) == [day for day in every if day >= today] != every


def test_an_unknown_instrument_is_none_or_an_empty_list(index: InstrumentIndex) -> None:
    for place in (("zerodha", "NSE"), ("zerodha", "NOWHERE"), ("nobody", "NSE")):
        assert index.get_token(*place, "none") is None
        assert index.get_symbol(*place, "none") is None
        assert index.get_broker_symbol(*place, "none") is None
        assert index.get(*place, "none") is None
        assert index.find_by_token(*place, "none") is None
        assert index.find_by_broker_symbol(*place, "none") is None
        assert index.list_by_broker_symbol(*place, "none") == []
    assert index.list_underlyings("nobody", "NSE", with_futures=True) == []
    assert index.list_option_expiries("nobody", "NSE", "NIFTY") == []
    assert index.list_chain("nobody", "NSE", "NIFTY", date(2025, 7, 31)) == []


def test_bulk_lookups_keep_the_order_and_return_none_for_unknown_pairs(
    index: InstrumentIndex,
) -> None:
    found = index.get_all("zerodha", [("NSE", "INFY"), ("NSE", "none"), ("NSE", "INFY")])
    pairs = [("NSE", row.token if row else "none") for row in found]

    assert [row and row.symbol for row in found] == ["INFY", None, "INFY"]
    assert index.get_all_by_token("zerodha", pairs) == found
