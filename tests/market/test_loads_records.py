"""The records of loads: outcome, reason, status, and when the next load is due."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from oadb import Database, Transaction
from oadb.errors import LoadError, ParameterError
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument, Rejected
from tests.support.instrument_rows import INFY, TCS
from tests.support.loading import ALL, failing, load, many

DATA = Path(__file__).parents[1] / "data"


def test_a_load_leaves_a_record(db: Database) -> None:
    rows = [INFY, replace(TCS, symbol=""), replace(INFY, token="9"), TCS]
    report = loads.load(db, "zerodha", rows, source="nse.csv", checksum=b"1" * 32, force=True)
    (record,) = loads.list_recent(db, "zerodha")

    assert (record.load_id, record.source, record.outcome) == (report.load_id, "nse.csv", "loaded")
    assert record.checksum == b"1" * 32
    assert record.ended_at is not None
    assert record.ended_at >= record.started_at
    assert record.counts == {
        "rows": 4,
        "accepted": 2,
        "rejected": 1,
        "omitted": 0,
        "duplicate_symbols": 1,
        "duplicate_tokens": 0,
        "reasons": {
            "symbol is empty": 1,
            "symbol … is that of row …, which comes first": 1,
        },
        "inserted": 2,
        "updated": 0,
        "deleted": 0,
    }
    assert record.exchanges == {"NSE": [0, 2]}
    assert record.left_out == [
        "row 2: symbol is empty",
        "row 3: symbol 'INFY' is that of row 1, which comes first",
    ]


# Defect 21.
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "there are no rows; an empty set is never loaded"),
        ([replace(INFY, symbol="")], "none of 1 rows can be loaded; the first reasons:"),
        (
            many(1),
            "the load is refused: NSE would shrink from 3 to 1 instruments, by more than 50%.",
        ),
        ([Rejected("a\0b:1", "no \ud800")], "none of 1 rows"),
    ],
)
def test_a_failed_load_is_not_recorded_as_a_success(
    db: Database, rows: list[Instrument | Rejected], reason: str
) -> None:
    load(db, many(3))
    with pytest.raises(LoadError):
        loads.load(db, "zerodha", rows)
    failed, loaded = loads.list_recent(db, "zerodha")
    status = loads.get_status(db, "zerodha")

    assert failed.reason is not None
    assert failed.reason.startswith(f"{reason}")
    assert (failed.outcome, loaded.outcome) == ("failed", "loaded")
    assert status is not None
    assert (status.outcome, status.loaded_at) == ("failed", loaded.ended_at)
    assert not status.is_running
    assert instruments.count_by_broker(db, "zerodha") == 3


def test_an_error_of_the_source_is_recorded_as_the_reason(db: Database) -> None:
    with pytest.raises(LookupError):
        load(db, failing())
    (failed,) = loads.list_recent(db, "zerodha")

    assert (failed.outcome, failed.reason) == ("failed", "LookupError: the download broke")
    assert failed.counts["accepted"] == 2


def test_the_status_says_while_a_load_runs(db: Database) -> None:
    said: list[loads.LoadStatus | None] = []

    def looking() -> Iterator[Instrument]:
        yield INFY
        said.append(loads.get_status(db.outside(), "zerodha"))

    load(db, looking())
    (during,) = said
    after = loads.get_status(db, "zerodha")

    assert during is not None
    assert (during.outcome, during.is_running, during.loaded_at) == ("started", True, None)
    assert after is not None
    assert (after.outcome, after.is_running) == ("loaded", False)
    assert after.loaded_at is not None


def test_a_broker_that_was_never_loaded_has_no_status_and_is_due(tx: Transaction) -> None:
    assert loads.get_status(tx, "zerodha") is None
    assert loads.is_due(tx, "zerodha")


# Defect 32.
def test_a_load_is_due_after_the_cutoff_in_india(db: Database, oadb_database_url: str) -> None:
    load(db, ALL)
    assert not loads.is_due(db, "zerodha")
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.instrument_loads set downloaded_at = downloaded_at - interval '1 day'"
        )
    assert loads.is_due(db, "zerodha")
    hour = datetime.now(ZoneInfo("Asia/Kolkata")).time().replace(microsecond=0)
    for zone in ("Asia/Kolkata", "UTC"):
        assert loads.is_due(db, "zerodha", cutoff=hour, time_zone=zone)


def test_each_exchange_is_due_by_when_its_own_list_was_downloaded(db: Database) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    loads.load(db, "zerodha", many(3, "BSE"), downloaded_at=yesterday)
    loads.load(db, "zerodha", many(3))
    loads.load(db, "zerodha", many(3, "MCX"), downloaded_at=None)
    with pytest.raises(LoadError):
        loads.load(db, "zerodha", [], exchanges=["BSE"])

    bse, mcx, nse = loads.list_exchange_status(db, "zerodha")
    assert (bse.exchange, bse.downloaded_at, bse.is_due) == ("BSE", yesterday, True)
    assert (mcx.exchange, mcx.downloaded_at, mcx.is_due) == ("MCX", None, True)
    assert (nse.exchange, nse.is_due) == ("NSE", False)
    assert loads.is_due(db, "zerodha")
    assert not loads.is_due(db, "zerodha", exchange="NSE")
    assert loads.is_due(db, "zerodha", exchange="NFO")

    for exchange in ("BSE", "MCX"):
        loads.load(db, "zerodha", many(3, exchange), exchanges=[exchange])
    assert not loads.is_due(db, "zerodha")


def test_a_list_of_the_future_counts_as_one_of_now(db: Database) -> None:
    loads.load(db, "zerodha", many(1), downloaded_at=datetime(2999, 1, 1, tzinfo=UTC))
    (record,) = loads.list_recent(db, "zerodha").rows

    assert record.downloaded_at is not None
    assert record.downloaded_at - record.started_at < timedelta(minutes=10)


@pytest.mark.parametrize(
    "zone",
    ["IST", "COM1", "UTC+5", "", "Asia", "Asia/Nowhere", "../UTC", "a\0", "\ud800", "x" * 300],
)
def test_a_zone_must_be_a_name_in_the_time_zone_database(tx: Transaction, zone: str) -> None:
    with pytest.raises(
        ParameterError,
        match=r"^loads\.is_due: time_zone must be a time zone, such as Asia/Kolkata$",
    ):
        loads.is_due(tx, "zerodha", time_zone=zone)


def test_a_file_is_loaded_with_its_name_and_checksum_as_its_record(db: Database) -> None:
    path = DATA / "zerodha.csv"
    report = loads.load_file(db, "zerodha", path, force=True)
    (record,) = loads.list_recent(db, "zerodha")

    assert (record.load_id, record.outcome, record.source) == (
        report.load_id,
        "loaded",
        "zerodha.csv",
    )
    assert record.checksum == sha256(path.read_bytes()).digest()
    assert instruments.count_by_broker(db, "zerodha") == report.accepted > 0
    with pytest.raises(LoadError, match="no reader for 'nobody'; expected one of aliceblue, angel"):
        loads.load_file(db, "nobody", path)


def test_records_are_listed_in_pages_newest_first(db: Database) -> None:
    ids = [load(db, ALL).load_id for _ in range(5)]
    page = loads.list_recent(db, "zerodha", limit=2)
    found = page.rows
    while page.next:
        page = loads.list_recent(db, "zerodha", limit=2, cursor=page.next)
        found += page.rows

    assert [each.load_id for each in found] == ids[::-1]
    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        loads.list_recent(db, "upstox", cursor=loads.list_recent(db, "zerodha", limit=1).next)
