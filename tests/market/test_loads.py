"""Loads: the set of a broker is replaced as a whole, all or nothing, and announced."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Transaction
from oadb.errors import Error, LoadError
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument
from tests.support import declared
from tests.support.instrument_rows import CALL, INFY, TCS
from tests.support.loading import ALL, count_staged, failing, load, many, stored, versions
from tests.support.notifications import hinted
from tests.support.rig import Observer


def test_a_load_is_reported_and_found_by_symbol_and_by_token(
    db: Database, oadb_database_url: str
) -> None:
    report = load(db, ALL)

    assert (report.rows, report.accepted, report.inserted, report.unchanged) == (3, 3, 3, 0)
    assert report.rejected.rows == 0
    assert stored(db) == set(ALL)
    assert count_staged(oadb_database_url) == 0


async def test_a_load_for_asyncio_does_the_same(adb: AsyncDatabase, db: Database) -> None:
    report = await loads.load(adb, "zerodha", iter(ALL), force=True)

    assert report.inserted == 3
    assert stored(db) == set(ALL)


def test_an_unknown_instrument_is_none(tx: Transaction) -> None:
    load(tx, ALL)

    assert instruments.get(tx, "zerodha", "BSE", "INFY") is None
    assert instruments.get(tx, "upstox", "NSE", "INFY") is None
    assert instruments.find_by_token(tx, "zerodha", "NSE", "3") is None


def test_brokers_do_not_touch_each_other(tx: Transaction) -> None:
    load(tx, ALL)
    loads.load(tx, "upstox", [replace(INFY, broker="upstox", name="OTHER")])

    assert stored(tx) == set(ALL)
    assert instruments.count_by_broker(tx, "zerodha") == 3
    assert instruments.count_by_broker(tx, "upstox") == 1


def test_a_load_is_announced_when_it_commits(db: Database) -> None:
    def work() -> None:
        load(db, ALL)
        with pytest.raises(LoadError):
            load(db, [])
        load(db, [replace(INFY, name="NEW"), TCS])

    assert hinted(work) == [loads.CHANNEL] * 2


# Only differences are written ------------------------------------------------------------------


def test_an_unchanged_load_writes_nothing(db: Database, oadb_database_url: str) -> None:
    load(db, ALL)
    before = versions(oadb_database_url)
    report = load(db, ALL)

    assert (report.inserted, report.updated, report.deleted, report.unchanged) == (0, 0, 0, 3)
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
        {"underlying": "INFY"},
        {"expiry": date(2025, 8, 1)},
        {"strike": Decimal(1)},
        {"lot_size": 2},
        {"tick_size": Decimal("0.1")},
        {"contract_value": Decimal(100)},
        {"contract_value": None},
        {"freeze_quantity": 1800},
    ],
)
def test_only_the_row_that_changed_is_written(tx: Transaction, changes: dict[str, Any]) -> None:
    load(tx, ALL)
    changed = replace(INFY, **changes)
    report = load(tx, [changed, TCS, CALL])

    assert (report.inserted, report.updated, report.unchanged) == (0, 1, 2)
    assert instruments.get(tx, "zerodha", "NSE", "INFY") == changed


def test_instruments_that_an_exchange_no_longer_lists_are_deleted_and_other_exchanges_stay(
    tx: Transaction,
) -> None:
    load(tx, ALL)
    report = load(tx, [INFY])

    assert (report.deleted, report.unchanged) == (1, 1)
    assert report.exchanges == {"NSE": (2, 1)}
    assert stored(tx) == {INFY, CALL}


def test_a_token_can_move_to_another_symbol(tx: Transaction) -> None:
    load(tx, ALL)
    renamed = replace(INFY, symbol="INFOSYS")
    report = load(tx, [renamed, TCS])

    assert (report.inserted, report.deleted, report.unchanged) == (1, 1, 1)
    assert instruments.find_by_token(tx, "zerodha", "NSE", "1") == renamed
    assert instruments.get(tx, "zerodha", "NSE", "INFY") is None
    assert instruments.count_by_broker(tx, "zerodha") == 3


def test_two_symbols_can_swap_their_tokens(tx: Transaction) -> None:
    load(tx, ALL)
    swapped = [replace(INFY, token="2"), replace(TCS, token="1")]
    report = load(tx, swapped)

    assert (report.updated, report.deleted) == (2, 0)
    assert stored(tx) == {*swapped, CALL}


def test_tokens_can_move_around_in_a_ring(tx: Transaction) -> None:
    rows = [replace(INFY, symbol=f"S{n}", token=str(n)) for n in range(5)]
    load(tx, rows)
    moved = [replace(row, token=str((n + 1) % 5)) for n, row in enumerate(rows)]

    assert load(tx, moved).updated == 5
    for row in moved:
        assert instruments.find_by_token(tx, "zerodha", "NSE", row.token) == row


def test_the_merge_does_not_read_the_rows_it_inserts(oadb_database_url: str) -> None:
    """Into a table that is known to be empty, as after vacuumdb: its time must not be squared."""
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("vacuum analyze oadb.instruments, oadb.instrument_staging")
        merge = declared.statement("staging._merge_staged")
        connection.execute(b"prepare merge as " + merge.sql)
        rows = connection.execute(
            "explain execute merge ('zerodha', '{NFO,NSE}', true, false, '{NFO}', '{CE}', '{9}')"
        ).fetchall()
    lines = [line.strip() for (line,) in rows]
    compared = next(n for n, line in enumerate(lines) if line.startswith("CTE differing"))

    assert re.match(r"->  (Hash|Merge) Full Join", lines[compared + 1])
    # What the inserting part reads is what was compared, and nothing that it writes.
    inserting = lines.index(next(line for line in lines if line.startswith("->  Insert on")))
    read = [line for line in lines[inserting:] if " Scan on " in line]
    assert {line.partition(" Scan ")[0] for line in read} == {"->  CTE"}
    assert read[1].startswith("->  CTE Scan on differing")


# All or nothing --------------------------------------------------------------------------------


def test_an_error_of_the_source_leaves_the_old_set(db: Database, oadb_database_url: str) -> None:
    load(db, ALL)
    before = versions(oadb_database_url)
    with pytest.raises(LookupError, match="the download broke"):
        load(db, failing())

    assert versions(oadb_database_url) == before
    assert count_staged(oadb_database_url) == 0
    assert load(db, ALL).unchanged == 3


def test_a_load_that_lost_its_connection_leaves_the_old_set_and_a_record(
    db: Database, oadb_database_url: str
) -> None:
    load(db, ALL)
    before = versions(oadb_database_url)

    def cut() -> Iterator[Instrument]:
        yield from many(5000)
        Observer(oadb_database_url).terminate()
        yield from many(5000, "BSE")

    with pytest.raises(Error):
        load(db, cut())

    assert versions(oadb_database_url) == before
    assert loads.list_recent(db, "zerodha").rows[0].outcome == "failed"
    assert load(db, ALL).unchanged == 3


@pytest.mark.holds("F38")
def test_readers_see_the_old_set_until_the_load_has_ended(db: Database) -> None:
    load(db, ALL)

    def peeking() -> Iterator[Instrument]:
        yield from (replace(INFY, name="NEW"), TCS)
        assert stored(db.outside()) == set(ALL)

    load(db, peeking())

    assert stored(db) == {replace(INFY, name="NEW"), TCS, CALL}
