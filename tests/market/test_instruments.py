"""Lookups of instruments: single and in bulk, of derivatives, and of all in pages."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Transaction
from oadb.market import instruments
from oadb.market.instruments import ExchangeCount, Instrument
from oadb.validation.time_zones import INDIA
from tests.support import declared
from tests.support.instrument_rows import CALL, FUTURE, INFY, TCS, insert_rows
from tests.support.plans import plan

TODAY = datetime.now(INDIA).date()


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


def future(underlying: str, in_days: int) -> Instrument:
    symbol = f"{underlying}{days(in_days):%d%b%y}FUT".upper()
    return replace(FUTURE, symbol=symbol, token=symbol, underlying=underlying, expiry=days(in_days))


def option(underlying: str, in_days: int, strike: str, kind: str = "CE") -> Instrument:
    symbol = f"{underlying}{days(in_days):%d%b%y}{strike}{kind}".upper()
    return replace(
        CALL,
        symbol=symbol,
        token=symbol,
        underlying=underlying,
        expiry=days(in_days),
        strike=Decimal(strike),
        instrument_type=kind,
    )


def symbols(rows: Iterable[Instrument | None]) -> list[str | None]:
    return [row and row.symbol for row in rows]


# Single lookups --------------------------------------------------------------------------------


def test_an_instrument_is_found_by_symbol_by_token_and_by_the_symbol_of_its_broker(
    tx: Transaction,
) -> None:
    row = replace(INFY, broker_symbol="INFY-EQ", contract_value=Decimal("0.001"))
    insert_rows(tx, row)

    assert instruments.get(tx, "zerodha", "NSE", "INFY") == row
    assert instruments.find_by_token(tx, "zerodha", "NSE", "1") == row
    assert instruments.find_by_broker_symbol(tx, "zerodha", "NSE", "INFY-EQ") == row


@pytest.mark.parametrize(
    ("broker", "exchange", "key"),
    [
        ("upstox", "NSE", "INFY"),
        ("zerodha", "NOWHERE", "INFY"),
        ("zerodha", "NSE", "infy"),
        ("zerodha", "NSE", "%"),
        ("", "", ""),
    ],
)
def test_another_broker_exchange_or_spelling_finds_nothing(
    tx: Transaction, broker: str, exchange: str, key: str
) -> None:
    insert_rows(tx, replace(INFY, token="INFY"))

    assert instruments.get(tx, broker, exchange, key) is None
    assert instruments.find_by_token(tx, broker, exchange, key) is None
    assert instruments.find_by_broker_symbol(tx, broker, exchange, key) is None
    assert instruments.get_all(tx, broker, [(exchange, key)]) == [None]
    assert instruments.get_all_by_token(tx, broker, [(exchange, key)]) == [None]


def test_of_several_with_one_broker_symbol_none_is_found_and_all_are_listed(
    tx: Transaction,
) -> None:
    insert_rows(tx, replace(INFY, symbol="C", token="C", broker_symbol="X"))
    found = instruments.find_by_broker_symbol(tx, "zerodha", "NSE", "X")
    assert symbols([found]) == ["C"]

    for symbol in ("A", "B"):
        insert_rows(tx, replace(INFY, symbol=symbol, token=symbol, broker_symbol="X"))
    insert_rows(tx, replace(INFY, exchange="BSE", broker_symbol="X"))

    assert instruments.find_by_broker_symbol(tx, "zerodha", "NSE", "X") is None
    listed = instruments.list_by_broker_symbol(tx, "zerodha", "NSE", "X")
    assert symbols(listed) == ["A", "B", "C"]
    assert instruments.find_by_broker_symbol(tx, "zerodha", "BSE", "X") is not None


# Bulk lookups ----------------------------------------------------------------------------------


def test_a_bulk_lookup_keeps_the_order_returns_none_and_allows_repeated_pairs(
    tx: Transaction,
) -> None:
    rows = [replace(INFY, symbol=s, token=s) for s in ("A", "B", "C")]
    insert_rows(tx, *rows, replace(INFY, exchange="BSE", symbol="A", token="A", name="OTHER"))
    pairs = [("NSE", "C"), ("NSE", "X"), ("NSE", "A"), ("NOWHERE", "A"), ("NSE", "C")]
    expected = [rows[2], None, rows[0], None, rows[2]]

    assert instruments.get_all(tx, "zerodha", pairs) == expected
    assert instruments.get_all_by_token(tx, "zerodha", pairs) == expected


def test_a_bulk_lookup_of_nothing_is_empty(tx: Transaction) -> None:
    assert instruments.get_all(tx, "zerodha", []) == []
    assert instruments.get_all_by_token(tx, "zerodha", []) == []


async def test_a_bulk_lookup_for_asyncio_does_the_same(adb: AsyncDatabase) -> None:
    assert await instruments.get_all(adb, "zerodha", [("NSE", "A")]) == [None]
    assert await instruments.get_all_by_token(adb, "zerodha", [("NSE", "A")]) == [None]


# Derivatives -----------------------------------------------------------------------------------


def test_expiries_are_ordered_as_dates_and_not_as_texts(tx: Transaction) -> None:
    """As texts, 31-DEC-29 comes after 01-JAN-30, and 02-FEB-30 before both."""
    expected = [date(2129, 12, 31), date(2130, 1, 1), date(2130, 2, 2)]
    for expiry in reversed(expected):
        insert_rows(tx, replace(CALL, symbol=f"C{expiry}", token=f"C{expiry}", expiry=expiry))
        insert_rows(tx, replace(CALL, symbol=f"P{expiry}", token=f"P{expiry}", expiry=expiry))
        insert_rows(tx, replace(FUTURE, symbol=f"F{expiry}", token=f"F{expiry}", expiry=expiry))

    assert instruments.list_option_expiries(tx, "zerodha", "NFO", "NIFTY") == expected
    assert instruments.list_future_expiries(tx, "zerodha", "NFO", "NIFTY") == expected


def test_expiries_of_options_and_of_futures_are_kept_apart(tx: Transaction) -> None:
    insert_rows(tx, future("NIFTY", 1), option("NIFTY", 2, "24000"), option("NIFTY", 2, "1", "PE"))

    assert instruments.list_future_expiries(tx, "zerodha", "NFO", "NIFTY") == [days(1)]
    assert instruments.list_option_expiries(tx, "zerodha", "NFO", "NIFTY") == [days(2)]


def test_a_contract_expires_at_the_end_of_its_day_in_india(tx: Transaction) -> None:
    for number in (-1, 0, 1):
        insert_rows(tx, future("NIFTY", number), option("NIFTY", number, "24000"))
    unexpired, every = [days(0), days(1)], [days(-1), days(0), days(1)]

    assert instruments.list_future_expiries(tx, "zerodha", "NFO", "NIFTY") == unexpired
    assert instruments.list_option_expiries(tx, "zerodha", "NFO", "NIFTY") == unexpired
    assert (
        instruments.list_future_expiries(tx, "zerodha", "NFO", "NIFTY", with_expired=True) == every
    )
    assert (
        instruments.list_option_expiries(tx, "zerodha", "NFO", "NIFTY", with_expired=True) == every
    )


def test_today_does_not_depend_on_the_time_zone_of_the_session(
    db: Database, oadb_database_url: str
) -> None:
    insert_rows(db, future("NIFTY", 0), future("NIFTY", -1))
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            connection.execute(f"set time zone '{zone}'".encode())
            statement = declared.statement("instruments.get_near_future")
            values = {"broker": "zerodha", "exchange": "NFO", "underlying": "NIFTY"}
            parameters = [values[name] for name in statement.params]
            with psycopg.RawCursor(connection) as cursor:
                row = cursor.execute(statement.sql, parameters).fetchone()
            assert row is not None
            assert row[2] == future("NIFTY", 0).symbol


def test_underlyings_have_options_or_on_request_unexpired_futures(
    tx: Transaction,
) -> None:
    insert_rows(tx, option("TCS", 1, "1"), future("GOLD", 1), future("TIN", -1), INFY)
    insert_rows(
        tx,
        replace(
            FUTURE,
            symbol="BTC",
            token="BTC",
            underlying="BTC",
            expiry=None,
            instrument_type="PERPFUT",
        ),
    )

    assert instruments.list_underlyings(tx, "zerodha", "NFO") == ["TCS"]
    assert instruments.list_underlyings(tx, "zerodha", "NFO", with_futures=True) == [
        "BTC",
        "GOLD",
        "TCS",
    ]
    assert instruments.list_underlyings(tx, "zerodha", "NSE", with_futures=True) == []
    assert instruments.list_underlyings(tx, "zerodha", "NOWHERE", with_futures=True) == []


def test_a_chain_has_every_option_by_strike_as_a_number(tx: Transaction) -> None:
    wanted = [
        option("GOLD", 5, strike, kind) for strike in ("900", "1000.5") for kind in ("CE", "PE")
    ]
    others = [option("GOLD", 6, "950"), option("GOLDM", 5, "960"), future("GOLD", 5)]
    insert_rows(tx, *reversed(wanted), *others)

    assert instruments.list_chain(tx, "zerodha", "NFO", "GOLD", days(5)) == wanted
    strikes = instruments.list_strikes(tx, "zerodha", "NFO", "GOLD", days(5))
    assert strikes == [Decimal(900), Decimal("1000.5")]
    assert instruments.list_chain(tx, "zerodha", "NOWHERE", "GOLD", days(5)) == []
    assert instruments.list_strikes(tx, "zerodha", "NFO", "G%", days(5)) == []


def test_the_near_future_is_of_that_underlying_and_has_not_expired(tx: Transaction) -> None:
    insert_rows(tx, future("GOLD", -1), future("GOLD", 40), future("GOLD", 10), future("GOLDM", 5))
    insert_rows(tx, option("GOLD", 1, "1"))

    assert instruments.get_near_future(tx, "zerodha", "NFO", "GOLD") == future("GOLD", 10)
    assert instruments.get_near_future(tx, "zerodha", "NFO", "GOL") is None
    assert instruments.get_near_future(tx, "zerodha", "NOWHERE", "GOLD") is None


def test_the_lot_size_is_that_of_the_contract_that_expires_next(tx: Transaction) -> None:
    insert_rows(
        tx,
        replace(future("NIFTY", 30), lot_size=65),
        replace(option("NIFTY", 3, "1"), lot_size=75),
        replace(future("NIFTY", -1), lot_size=25),
        replace(future("NIFTYNXT50", 1), lot_size=10),
    )

    assert instruments.get_lot_size(tx, "zerodha", "NFO", "NIFTY") == 75
    assert instruments.get_lot_size(tx, "zerodha", "NFO", "NIF") is None


def test_an_underlying_is_found_in_any_case_and_never_by_a_part_or_a_pattern(
    tx: Transaction,
) -> None:
    insert_rows(tx, future("NIFTY", 3), option("NIFTY", 3, "24000"), option("Own", 3, "1"))
    place, day = ("zerodha", "NFO"), days(3)

    for spelling in ("NIFTY", "nifty", "Nifty"):
        assert instruments.list_option_expiries(tx, *place, spelling) == [day]
        assert instruments.list_future_expiries(tx, *place, spelling) == [day]
        assert instruments.list_strikes(tx, *place, spelling, day) == [Decimal(24000)]
        assert len(instruments.list_chain(tx, *place, spelling, day)) == 1
        assert instruments.get_near_future(tx, *place, spelling) == future("NIFTY", 3)
        assert instruments.get_lot_size(tx, *place, spelling) == 75
        assert len([*instruments.stream_by_broker(tx, "zerodha", underlying=spelling)]) == 2
    assert instruments.list_option_expiries(tx, *place, "Own") == [day], "as it was stored"
    for other in ("nift", "nifty%", "", "n_fty"):
        assert instruments.list_option_expiries(tx, *place, other) == []


def test_without_an_underlying_the_expiries_are_those_of_the_exchange(tx: Transaction) -> None:
    insert_rows(tx, *(option(name, 3, "1") for name in ("NIFTY", "GOLD")), option("GOLD", -1, "1"))
    insert_rows(tx, future("GOLD", 9), replace(option("SENSEX", 5, "1"), exchange="BFO"))
    place = ("zerodha", "NFO", None)

    assert instruments.list_option_expiries(tx, *place) == [days(3)]
    assert instruments.list_option_expiries(tx, *place, with_expired=True) == [days(-1), days(3)]
    assert instruments.list_future_expiries(tx, *place) == [days(9)]
    assert instruments.list_option_expiries(tx, "zerodha", "BFO", None) == [days(5)]
    assert instruments.list_option_expiries(tx, "zerodha", "NOWHERE", None) == []


# Counts, pages, exports ------------------------------------------------------------------------


def test_instruments_are_counted_by_broker_and_by_exchange(tx: Transaction) -> None:
    insert_rows(tx, INFY, FUTURE, CALL, replace(INFY, broker="upstox"))

    assert instruments.count_by_broker(tx, "zerodha") == 3
    assert instruments.count_by_exchange(tx, "zerodha") == [
        ExchangeCount("NFO", 2),
        ExchangeCount("NSE", 1),
    ]
    assert instruments.count_by_exchange(tx, "nobody") == []


def test_pages_give_every_instrument_once_in_the_order_of_the_stream(tx: Transaction) -> None:
    rows = [replace(INFY, exchange=e, symbol=s, token=s) for e in ("BSE", "NSE") for s in "abAB-"]
    insert_rows(tx, *rows, replace(INFY, broker="upstox"))
    page = instruments.list_by_broker(tx, "zerodha", limit=3)
    paged = page.rows
    while page.next is not None:
        page = instruments.list_by_broker(tx, "zerodha", cursor=page.next, limit=3)
        paged += page.rows

    assert paged == sorted(rows, key=lambda row: (row.exchange, row.symbol))
    assert paged == list(instruments.stream_by_broker(tx, "zerodha"))


def test_a_stream_yields_all_that_pass_every_filter_however_many(tx: Transaction) -> None:
    chain = [option("NIFTY", 3, str(strike)) for strike in range(1, 1102)]
    insert_rows(tx, *chain, option("NIFTY", 3, "5", "PE"), option("NIFTY", 9, "5"), INFY)
    filters = {"exchange": "NFO", "instrument_type": "CE", "expiry": days(3)}

    def found(**given: Any) -> list[Instrument]:
        return [*instruments.stream_by_broker(tx, "zerodha", **given)]

    assert len(found()) == 1104
    assert found(**filters) == sorted(chain, key=lambda row: row.symbol)
    assert len(found(strike_min=Decimal(5), strike_max=Decimal("6.5"))) == 4
    assert found(exchange="NSE") == [INFY]
    assert found(**filters, underlying="GOLD") == []


def test_brokers_and_their_exchanges_are_listed_once_in_order(tx: Transaction) -> None:
    assert instruments.list_brokers(tx) == []
    assert instruments.list_exchanges(tx, "zerodha") == []
    insert_rows(tx, INFY, TCS, FUTURE, CALL, replace(INFY, broker="upstox", exchange="BSE"))

    assert instruments.list_brokers(tx) == ["upstox", "zerodha"]
    assert instruments.list_exchanges(tx, "zerodha") == ["NFO", "NSE"]
    assert instruments.list_exchanges(tx, "upstox") == ["BSE"]
    assert instruments.list_exchanges(tx, "nobody") == []


def test_an_export_has_a_heading_and_every_row(tx: Transaction) -> None:
    insert_rows(tx, CALL, INFY, TCS)
    lines = b"".join(instruments.export_csv(tx)).decode().splitlines()

    assert lines[0].startswith("broker,exchange,symbol,name,")
    assert lines[1] == (
        "zerodha,NFO,NIFTY31JUL2524000CE,NIFTY,NIFTY25JUL24000CE,NFO,3,CE,NIFTY,2025-07-31,24000.00,"
        "75,0.05,1,"
    )
    assert len(lines) == 4


# Plans -----------------------------------------------------------------------------------------


@pytest.mark.long("fills a market")
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("get", "instruments_pkey"),
        ("find_by_token", "instruments_token_key"),
        ("find_by_broker_symbol", "instruments_broker_symbol_idx"),
        ("_list_by_pairs by=symbol", "instruments_pkey"),
        ("_list_by_pairs by=token", "instruments_token_key"),
        ("list_option_expiries +underlying", "instruments_underlying_idx"),
        ("list_future_expiries +underlying", "instruments_underlying_idx"),
        ("list_underlyings", "instruments_underlying_idx"),
        ("list_strikes", "instruments_underlying_idx"),
        ("list_chain", "instruments_underlying_idx"),
        ("get_near_future", "instruments_underlying_idx"),
        ("get_lot_size", "instruments_underlying_idx"),
        ("list_by_broker", "instruments_pkey"),
        ("list_by_broker +cursor", "instruments_pkey"),
        ("stream_by_broker +exchange +underlying", "instruments_underlying_idx"),
        ("list_brokers", "Index Only Scan using instruments_"),
        ("list_exchanges", "Index Only Scan using instruments_"),
    ],
)
def test_a_lookup_is_served_by_its_index(filled_url: str, name: str, index: str) -> None:
    shown = plan(filled_url, "instruments", name)

    assert index in shown
    assert "Seq Scan on instruments" not in shown
