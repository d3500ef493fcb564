"""Master contracts: loads that write all or nothing, reports of what was left out, lookups."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Executor, Listening, Notification, Transaction
from oadb.engine.binding import statements
from oadb.errors import Error, LoadError, ParameterError
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument, Rejected
from oadb.market.intake import LONGEST_TEXT
from tests.support.instrument_rows import INFY
from tests.support.rig import Observer

TCS = replace(INFY, symbol="TCS", broker_symbol="TCS", name=None, token="2")
CALL = replace(
    INFY, exchange="NFO", symbol="NIFTY31JUL2524000CE", token="3", instrument_type="CE",
    underlying="NIFTY", expiry=date(2025, 7, 31), strike=Decimal("24000.50"), lot_size=75,
)  # fmt: skip
ALL = [INFY, TCS, CALL]


def load(db: Executor, rows: Iterable[Instrument | Rejected]) -> loads.LoadReport:
    return loads.load(db, "zerodha", rows)


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

    assert (report.rows, report.accepted, report.inserted, report.unchanged) == (3, 3, 3, 0)
    assert report.rejected == ()
    assert held(db) == set(ALL)
    assert staged(oadb_database_url) == 0


async def test_a_load_for_asyncio_does_the_same(adb: AsyncDatabase, db: Database) -> None:
    report = await loads.load(adb, "zerodha", iter(ALL))

    assert report.inserted == 3
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
    ],
)
def test_only_the_row_that_changed_is_written(tx: Transaction, changes: dict[str, Any]) -> None:
    load(tx, ALL)
    changed = replace(INFY, **changes)
    report = load(tx, [changed, TCS, CALL])

    assert (report.inserted, report.updated, report.unchanged) == (0, 1, 2)
    assert instruments.get(tx, "zerodha", "NSE", "INFY") == changed


def test_what_an_exchange_no_longer_lists_is_gone_and_other_exchanges_stay(tx: Transaction) -> None:
    load(tx, ALL)
    report = load(tx, [INFY])

    assert (report.deleted, report.unchanged) == (1, 1)
    assert report.exchanges == {"NSE": (2, 1)}
    assert held(tx) == {INFY, CALL}


def test_brokers_do_not_touch_each_other(tx: Transaction) -> None:
    load(tx, ALL)
    loads.load(tx, "upstox", [replace(INFY, broker="upstox", name="OTHER")])

    assert held(tx) == set(ALL)
    assert instruments.count_by_broker(tx, "zerodha") == 3
    assert instruments.count_by_broker(tx, "upstox") == 1


def test_a_token_moves_to_another_symbol(tx: Transaction) -> None:
    load(tx, ALL)
    renamed = replace(INFY, symbol="INFOSYS")
    report = load(tx, [renamed, TCS])

    assert (report.inserted, report.deleted, report.unchanged) == (1, 1, 1)
    assert instruments.find_by_token(tx, "zerodha", "NSE", "1") == renamed
    assert instruments.get(tx, "zerodha", "NSE", "INFY") is None
    assert instruments.count_by_broker(tx, "zerodha") == 3


def test_two_symbols_swap_their_tokens(tx: Transaction) -> None:
    load(tx, ALL)
    swapped = [replace(INFY, token="2"), replace(TCS, token="1")]
    report = load(tx, swapped)

    assert (report.updated, report.deleted) == (2, 0)
    assert held(tx) == {*swapped, CALL}


def test_tokens_move_around_in_a_ring(tx: Transaction) -> None:
    rows = [replace(INFY, symbol=f"S{n}", token=str(n)) for n in range(5)]
    load(tx, rows)
    moved = [replace(row, token=str((n + 1) % 5)) for n, row in enumerate(rows)]

    assert load(tx, moved).updated == 5
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
    ({"tick_size": Decimal("1E+200000")}, "tick_size is 1E+200000"),
]


@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_a_bad_row_is_rejected_with_a_reason_and_the_good_ones_are_loaded(
    tx: Transaction, changes: dict[str, Any], reason: str
) -> None:
    report = load(tx, [TCS, replace(INFY, **changes), CALL])
    (rejected,) = report.rejected

    assert str(rejected).startswith(f"row 2: {reason}")
    assert (report.rows, report.accepted, report.inserted) == (3, 2, 2)
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
        assert loads._claim_load(tx, "zerodha")
        with pytest.raises(LoadError, match="another load of zerodha is in progress"):
            load(db, ALL)
        assert loads.load(db, "upstox", [replace(INFY, broker="upstox")]).inserted == 1

    assert load(db, ALL).inserted == 3


def test_readers_see_the_old_set_until_the_load_has_ended(db: Database) -> None:
    load(db, ALL)

    def peeking() -> Iterator[Instrument]:
        yield from (replace(INFY, name="NEW"), TCS)
        assert held(db) == set(ALL)

    load(db, peeking())

    assert held(db) == {replace(INFY, name="NEW"), TCS, CALL}


def test_an_export_has_a_heading_and_every_row(tx: Transaction) -> None:
    load(tx, ALL)
    lines = b"".join(instruments.export_csv(tx)).decode().splitlines()

    assert lines[0].startswith("broker,exchange,symbol,name,")
    assert lines[1] == (
        "zerodha,NFO,NIFTY31JUL2524000CE,INFOSYS,INFY,NSE,3,CE,NIFTY,2025-07-31,24000.50,75,0.05,1"
    )
    assert len(lines) == 4


# Duplicates ---------------------------------------------------------------------------------------

WARRANT = replace(INFY, symbol="INFY-W1", broker_symbol="INFY-W1", instrument_type="W1")


def test_of_two_rows_with_one_symbol_or_token_the_first_is_taken(tx: Transaction) -> None:
    rows = [INFY, replace(INFY, token="9"), TCS, replace(TCS, symbol="TCS2")]
    report = load(tx, rows)

    assert report.accepted == 2
    assert [str(each) for each in report.duplicates] == [
        "row 2: symbol 'INFY' is that of row 1, which comes first",
        "row 4: token '2' is that of row 3, which comes first",
    ]
    assert held(tx) == {INFY, TCS}


@pytest.mark.parametrize("rows", [[WARRANT, INFY], [INFY, WARRANT]])
def test_a_warrant_never_takes_the_token_of_a_share(
    tx: Transaction, rows: list[Instrument]
) -> None:
    report = load(tx, rows)

    assert (report.rows, report.accepted, report.inserted) == (2, 1, 1)
    assert len(report.duplicates) == 1
    assert instruments.find_by_token(tx, "zerodha", "NSE", INFY.token) == INFY


def test_a_share_displaces_two_rows_at_once(tx: Transaction) -> None:
    by_symbol = replace(INFY, token="8", instrument_type="BE")
    report = load(tx, [by_symbol, WARRANT, INFY, TCS])

    assert [str(each) for each in report.duplicates] == [
        "row 1: symbol 'INFY' is that of row 3, which is a share",
        "row 2: token '1' is that of row 3, which is a share",
    ]
    assert (report.accepted, report.inserted) == (2, 2)
    assert held(tx) == {INFY, TCS}


def test_the_symbol_of_a_displaced_row_is_free_again(tx: Transaction) -> None:
    later = replace(WARRANT, token="7")
    report = load(tx, [WARRANT, INFY, later])

    assert report.accepted == 2
    assert instruments.get(tx, "zerodha", "NSE", "INFY-W1") == later


# Defect 22.
def test_the_same_token_on_two_exchanges_is_no_duplicate(tx: Transaction) -> None:
    report = load(tx, [INFY, replace(INFY, exchange="CDS")])

    assert (report.accepted, report.duplicates) == (2, ())


# What a load refuses ------------------------------------------------------------------------------


def many(count: int, exchange: str = "NSE") -> list[Instrument]:
    return [replace(INFY, exchange=exchange, symbol=f"S{n}", token=str(n)) for n in range(count)]


def test_a_load_that_would_empty_an_exchange_changes_nothing(tx: Transaction) -> None:
    load(tx, many(10) + many(4, "BSE"))
    with pytest.raises(
        LoadError, match=r"instruments would vanish: NSE from 10 to 4; more than 50%"
    ):
        load(tx, many(4) + many(4, "BSE"))

    assert instruments.count_by_broker(tx, "zerodha") == 14
    assert load(tx, many(5)).deleted == 5
    assert loads.load(tx, "zerodha", many(1), force=True).deleted == 4


def test_an_exchange_that_the_source_lacks_altogether_is_missed(tx: Transaction) -> None:
    load(tx, many(2) + many(2, "BSE"))
    with pytest.raises(LoadError, match="BSE from 2 to 0"):
        loads.load(tx, "zerodha", many(2), exchanges=["NSE", "BSE"])

    assert instruments.count_by_broker(tx, "zerodha") == 4


def test_rows_of_an_exchange_that_was_not_asked_for_are_rejected(tx: Transaction) -> None:
    report = loads.load(tx, "zerodha", ALL, exchanges=["NSE"])

    assert [str(each) for each in report.rejected] == [
        "row 3: exchange is 'NFO'; this load is for NSE"
    ]
    assert held(tx) == {INFY, TCS}


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_none_and_all(tx: Transaction, limit: float) -> None:
    with pytest.raises(ParameterError, match="expected 0 to 1"):
        loads.load(tx, "zerodha", ALL, shrink_limit=limit)


@pytest.mark.parametrize("broker", ["", " ", "x" * 201, "a\0b", "\ud800"])
def test_an_impossible_broker_is_refused_before_anything_is_written(
    db: Database, oadb_database_url: str, broker: str
) -> None:
    with pytest.raises(ParameterError, match="broker"):
        loads.load(db, broker, [replace(INFY, broker=broker)])
    with psycopg.connect(oadb_database_url) as connection:
        assert connection.execute("select from oadb.instrument_loads").fetchall() == []


def test_one_text_is_no_list_of_exchanges(tx: Transaction) -> None:
    with pytest.raises(ParameterError, match="exchanges is a str; expected a list"):
        loads.load(tx, "zerodha", ALL, exchanges="NSE")


# Records ------------------------------------------------------------------------------------------


def test_a_load_leaves_a_record(db: Database) -> None:
    rows = [INFY, replace(TCS, symbol=""), replace(INFY, token="9"), TCS]
    report = loads.load(db, "zerodha", rows, source="nse.csv", checksum=b"1" * 32)
    (record,) = loads.list_recent(db, "zerodha")

    assert (record.load_id, record.source, record.outcome) == (report.load_id, "nse.csv", "loaded")
    assert record.checksum == b"1" * 32
    assert record.ended_at is not None
    assert record.ended_at >= record.started_at
    assert record.counts == {
        "rows": 4, "accepted": 2, "rejected": 1, "duplicate_symbols": 1, "duplicate_tokens": 0,
        "inserted": 2, "updated": 0, "deleted": 0,
    }  # fmt: skip
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
        (many(1), "instruments would vanish: NSE from 3 to 1;"),
        ([Rejected("a\0b:1", "no \ud800")], "none of 1 rows"),
    ],
)
def test_a_load_that_failed_is_not_recorded_as_a_success(
    db: Database, rows: list[Instrument | Rejected], reason: str
) -> None:
    load(db, many(3))
    with pytest.raises(LoadError):
        load(db, rows)
    failed, loaded = loads.list_recent(db, "zerodha")
    status = loads.get_status(db, "zerodha")

    assert failed.reason is not None
    assert failed.reason.startswith(reason)
    assert (failed.outcome, loaded.outcome) == ("failed", "loaded")
    assert status is not None
    assert (status.outcome, status.loaded_at) == ("failed", loaded.ended_at)
    assert not status.is_running
    assert instruments.count_by_broker(db, "zerodha") == 3


def test_a_source_that_breaks_is_recorded_with_its_reason(db: Database) -> None:
    with pytest.raises(LookupError):
        load(db, broken())
    (failed,) = loads.list_recent(db, "zerodha")

    assert (failed.outcome, failed.reason) == ("failed", "the download broke")
    assert failed.counts["accepted"] == 2


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
    assert loads.list_recent(db, "zerodha")[0].outcome == "failed"
    assert load(db, ALL).unchanged == 3


def test_while_a_load_runs_its_status_says_so(db: Database) -> None:
    said: list[loads.LoadStatus | None] = []

    def looking() -> Iterator[Instrument]:
        yield INFY
        said.append(loads.get_status(db, "zerodha"))

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
def test_a_load_counts_until_the_hour_strikes_in_india(
    db: Database, oadb_database_url: str
) -> None:
    load(db, ALL)
    assert not loads.is_due(db, "zerodha")
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.instrument_loads set "
            "started_at = started_at - interval '1 day', ended_at = ended_at - interval '1 day'"
        )
    assert loads.is_due(db, "zerodha")
    hour = datetime.now(ZoneInfo("Asia/Kolkata")).time().replace(microsecond=0)
    for zone in ("Asia/Kolkata", "UTC"):
        assert loads.is_due(db, "zerodha", hour, zone)


@pytest.mark.parametrize(
    "zone",
    ["IST", "COM1", "UTC+5", "", "Asia", "Asia/Nowhere", "../UTC", "a\0", "\ud800", "x" * 300],
)
def test_a_zone_is_a_name_of_the_time_zone_database(tx: Transaction, zone: str) -> None:
    with pytest.raises(ParameterError, match="is_due: zone is not a time zone; expected one"):
        loads.is_due(tx, "zerodha", zone=zone)


def test_a_load_is_announced_when_it_commits(db: Database) -> None:
    with db.listen(loads.CHANNEL) as events:
        heard = iter(events)
        assert isinstance(next(heard), Listening)
        load(db, ALL)
        with pytest.raises(LoadError):
            load(db, [])
        load(db, [replace(INFY, name="NEW"), TCS])
        told = [next(heard), next(heard)]

    assert [each.payload for each in told if isinstance(each, Notification)] == ["zerodha"] * 2


def test_a_load_does_not_walk_over_what_it_inserts_itself(oadb_database_url: str) -> None:
    """Into a table that is known to be empty, as after vacuumdb: its time must not be squared."""
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("vacuum analyze oadb.instruments, oadb.instrument_staging")
        merge = statements.load("market/loads")["_merge_staged"]
        connection.execute(b"prepare merge as " + merge.sql)
        rows = connection.execute("explain execute merge ('zerodha', '{NFO,NSE}')").fetchall()
    lines = [line.strip() for (line,) in rows]
    compared = next(n for n, line in enumerate(lines) if line.startswith("CTE differing"))

    assert re.match(r"->  (Hash|Merge) Full Join", lines[compared + 1])
    # What the inserting part reads is what was compared, and nothing that it writes.
    inserting = lines.index(next(line for line in lines if line.startswith("->  Insert on")))
    assert lines[inserting + 1].startswith("->  CTE Scan on differing")
