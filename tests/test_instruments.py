"""Master contracts: loads that write all or nothing, reports of what was left out, lookups."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Executor, Transaction, instruments
from oadb.errors import LoadError
from oadb.instruments import LONGEST_TEXT, Instrument, Rejected

INFY = Instrument(
    broker="zerodha",
    exchange="NSE",
    symbol="INFY",
    name="INFOSYS",
    broker_symbol="INFY",
    broker_exchange="NSE",
    token="1",
    instrument_type="EQ",
    expiry=None,
    strike=None,
    lot_size=1,
    tick_size=Decimal("0.05"),
    contract_value=Decimal(1),
)
TCS = replace(INFY, symbol="TCS", broker_symbol="TCS", name=None, token="2")
CALL = replace(
    INFY, exchange="NFO", symbol="NIFTY31JUL2524000CE", token="3", instrument_type="CE",
    expiry=date(2025, 7, 31), strike=Decimal("24000.50"), lot_size=75,
)  # fmt: skip
ALL = [INFY, TCS, CALL]


def load(db: Executor, rows: Iterable[Instrument | Rejected]) -> instruments.LoadReport:
    return instruments.load(db, "zerodha", rows)


def held(db: Executor) -> set[Instrument]:
    """Return what the database holds, looked up by symbol and by token."""
    by_symbol = {instruments.get(db, "zerodha", row.exchange, row.symbol) for row in ALL}
    by_token = {instruments.find_by_token(db, "zerodha", row.exchange, row.token) for row in ALL}
    assert by_symbol == by_token
    return {row for row in by_symbol if row is not None}


def versions(url: str) -> list[tuple[Any, ...]]:
    """Return which transaction wrote each row, and where it lies."""
    with psycopg.connect(url) as connection:
        statement = "select symbol, xmin::text, ctid::text from oadb.instruments order by symbol"
        return connection.execute(statement).fetchall()


def staged(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from oadb.instrument_staging").fetchone()
        assert row is not None
        return int(row[0])


def test_a_load_is_reported_and_found_by_symbol_and_by_token(
    db: Database, oadb_database_url: str
) -> None:
    report = load(db, ALL)

    assert (report.rows, report.accepted, report.changed, report.unchanged) == (3, 3, 3, 0)
    assert report.rejected == ()
    assert held(db) == set(ALL)
    assert staged(oadb_database_url) == 0


async def test_a_load_for_asyncio_does_the_same(adb: AsyncDatabase, db: Database) -> None:
    report = await instruments.load(adb, "zerodha", iter(ALL))

    assert report.changed == 3
    assert held(db) == set(ALL)


def test_an_unknown_instrument_is_none(tx: Transaction) -> None:
    load(tx, ALL)

    assert instruments.get(tx, "zerodha", "BSE", "INFY") is None
    assert instruments.get(tx, "upstox", "NSE", "INFY") is None
    assert instruments.find_by_token(tx, "zerodha", "NSE", "3") is None


def test_an_unchanged_load_writes_nothing(db: Database, oadb_database_url: str) -> None:
    load(db, ALL)
    before = versions(oadb_database_url)
    report = load(db, ALL)

    assert (report.changed, report.unchanged) == (0, 3)
    assert versions(oadb_database_url) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"name": "NEW"},
        {"broker_symbol": "NEW"},
        {"broker_exchange": "NEW"},
        {"token": "9"},
        {"instrument_type": "BE"},
        {"expiry": date(2025, 8, 1)},
        {"strike": Decimal(1)},
        {"lot_size": 2},
        {"tick_size": Decimal("0.1")},
        {"contract_value": Decimal(100)},
    ],
)
def test_only_the_row_that_changed_is_written(tx: Transaction, changes: dict[str, Any]) -> None:
    load(tx, ALL)
    changed = replace(INFY, **changes)
    report = load(tx, [changed, TCS, CALL])

    assert (report.changed, report.unchanged) == (1, 2)
    assert instruments.get(tx, "zerodha", "NSE", "INFY") == changed


def test_what_a_load_does_not_mention_stays(tx: Transaction) -> None:
    load(tx, ALL)
    load(tx, [INFY])

    assert held(tx) == set(ALL)


def test_brokers_do_not_touch_each_other(tx: Transaction) -> None:
    load(tx, ALL)
    instruments.load(tx, "upstox", [replace(INFY, broker="upstox", name="OTHER")])

    assert held(tx) == set(ALL)
    assert instruments.count_by_broker(tx, "zerodha") == 3
    assert instruments.count_by_broker(tx, "upstox") == 1


def test_a_token_moves_to_another_symbol(tx: Transaction) -> None:
    load(tx, ALL)
    renamed = replace(INFY, symbol="INFOSYS")
    report = load(tx, [renamed])

    assert report.changed == 1
    assert instruments.find_by_token(tx, "zerodha", "NSE", "1") == renamed
    assert instruments.get(tx, "zerodha", "NSE", "INFY") is None
    assert instruments.count_by_broker(tx, "zerodha") == 3


def test_two_symbols_swap_their_tokens(tx: Transaction) -> None:
    load(tx, ALL)
    swapped = [replace(INFY, token="2"), replace(TCS, token="1")]
    report = load(tx, swapped)

    assert report.changed == 2
    assert held(tx) == {*swapped, CALL}


def test_tokens_move_around_in_a_ring(tx: Transaction) -> None:
    rows = [replace(INFY, symbol=f"S{n}", token=str(n)) for n in range(5)]
    load(tx, rows)
    moved = [replace(row, token=str((n + 1) % 5)) for n, row in enumerate(rows)]

    assert load(tx, moved).changed == 5
    for row in moved:
        assert instruments.find_by_token(tx, "zerodha", "NSE", row.token) == row


REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"broker": "upstox"}, "broker is 'upstox'; this load is for 'zerodha'"),
    ({"symbol": ""}, "symbol is empty"),
    ({"token": " "}, "token is empty"),
    ({"exchange": ""}, "exchange is empty"),
    ({"broker_symbol": "a" * 201}, f"broker_symbol has 201 characters; at most {LONGEST_TEXT}"),
    ({"name": "a" * 201}, "name has 201 characters"),
    ({"name": "a\0b"}, "name holds a NUL character"),
    ({"symbol": "a\ud800"}, "symbol holds a lone surrogate"),
    ({"lot_size": -1}, "lot_size is -1; expected a whole number from 0"),
    ({"lot_size": 2**63}, "lot_size is 9223372036854775808; expected"),
    ({"tick_size": Decimal("-0.05")}, "tick_size is -0.05; expected a number from 0"),
    ({"tick_size": Decimal("NaN")}, "tick_size is NaN; expected"),
    ({"contract_value": Decimal(0)}, "contract_value is 0; expected a number above 0"),
    ({"contract_value": Decimal("Infinity")}, "contract_value is Infinity; expected"),
    ({"strike": Decimal(0)}, "strike is 0; expected a number above 0"),
    ({"strike": Decimal(-1)}, "strike is -1; expected"),
    ({"instrument_type": "CE"}, "an option (CE) needs both strike and expiry"),
    ({"instrument_type": "PE", "strike": Decimal(1)}, "an option (PE) needs both"),
    ({"symbol": "TCS"}, "symbol 'TCS' on NSE was already given in row 1"),
    ({"token": "2"}, "token '2' on NSE was already given in row 1"),
    ({"tick_size": Decimal("1E+200000")}, "tick_size is 1E+200000"),
]


@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_a_bad_row_is_rejected_with_a_reason_and_the_good_ones_are_loaded(
    tx: Transaction, changes: dict[str, Any], reason: str
) -> None:
    report = load(tx, [TCS, replace(INFY, **changes), CALL])
    (rejected,) = report.rejected

    assert str(rejected).startswith(f"row 2: {reason}")
    assert (report.rows, report.accepted, report.changed) == (3, 2, 2)
    assert held(tx) == {TCS, CALL}


def test_a_rejected_row_does_not_take_the_place_of_a_good_one(tx: Transaction) -> None:
    report = load(tx, [replace(INFY, lot_size=-1), INFY])

    assert (report.accepted, len(report.rejected)) == (1, 1)
    assert held(tx) == {INFY}


def test_a_symbol_may_be_listed_on_two_exchanges(tx: Transaction) -> None:
    assert load(tx, [INFY, replace(INFY, exchange="BSE")]).accepted == 2


def test_a_row_that_its_reader_rejected_is_reported_in_order(tx: Transaction) -> None:
    unread = Rejected("file.csv:3", "no number")
    report = load(tx, [INFY, unread, replace(TCS, symbol="")])

    assert [str(row) for row in report.rejected] == [
        "file.csv:3: no number",
        "row 3: symbol is empty",
    ]


def test_an_empty_set_is_never_loaded(tx: Transaction) -> None:
    load(tx, ALL)
    with pytest.raises(LoadError, match="there are no rows; an empty set is never loaded"):
        load(tx, [])

    assert held(tx) == set(ALL)


def test_a_set_without_a_good_row_is_refused_with_the_first_reasons(tx: Transaction) -> None:
    load(tx, ALL)
    bad = [replace(INFY, symbol="", token=str(n)) for n in range(7)]
    with pytest.raises(LoadError) as refused:
        load(tx, bad)

    assert str(refused.value).startswith(
        "none of 7 rows can be loaded; the first reasons:\n  row 1: "
    )
    assert str(refused.value).count("\n") == 5
    assert held(tx) == set(ALL)


def broken() -> Iterator[Instrument]:
    yield replace(INFY, name="NEW")
    yield replace(INFY, symbol="NEW", token="9")
    raise LookupError("the download broke")


def test_a_source_that_breaks_leaves_what_was_there(db: Database, oadb_database_url: str) -> None:
    load(db, ALL)
    before = versions(oadb_database_url)
    with pytest.raises(LookupError, match="the download broke"):
        load(db, broken())

    assert versions(oadb_database_url) == before
    assert staged(oadb_database_url) == 0
    assert load(db, ALL).unchanged == 3


def test_a_second_load_of_the_same_broker_at_once_is_refused(db: Database) -> None:
    with db.transaction() as tx:
        assert instruments.claim_load(tx, "zerodha")
        with pytest.raises(LoadError, match="another load of zerodha is in progress"):
            load(db, ALL)
        assert instruments.load(db, "upstox", [replace(INFY, broker="upstox")]).changed == 1

    assert load(db, ALL).changed == 3


def test_readers_see_the_old_set_until_the_load_has_ended(db: Database) -> None:
    load(db, ALL)

    def peeking() -> Iterator[Instrument]:
        yield replace(INFY, name="NEW")
        assert held(db) == set(ALL)

    load(db, peeking())

    assert held(db) == {replace(INFY, name="NEW"), TCS, CALL}


def test_an_export_has_a_heading_and_every_row(tx: Transaction) -> None:
    load(tx, ALL)
    lines = b"".join(instruments.export_csv(tx)).decode().splitlines()

    assert lines[0].startswith("broker,exchange,symbol,name,")
    assert lines[1] == (
        "zerodha,NFO,NIFTY31JUL2524000CE,INFOSYS,INFY,NSE,3,CE,2025-07-31,24000.50,75,0.05,1"
    )
    assert len(lines) == 4
