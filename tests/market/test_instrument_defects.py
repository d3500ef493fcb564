"""Defects of OpenAlgo's handling of instruments, which must not occur here.

The numbers are those of docs/coverage.md. Other files test the same behaviour in more detail.
"""

import asyncio
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Transaction
from oadb.errors import LoadError, ParameterError
from oadb.market import brokers, instruments, live_index, loads, search
from oadb.market.instruments import Instrument
from tests.conftest import configured
from tests.market.brokers.samples import written
from tests.support.instrument_rows import CALL, FUTURE, INFY, WARRANT
from tests.support.loading import load
from tests.support.rig import Observer, threads

T = TypeVar("T")


@contextmanager
def called_repeatedly(*checks: Callable[[], None]) -> Iterator[None]:
    """Call each of *checks* again and again in its own thread, until the block ends."""
    ended = Event()

    def repeat(check: Callable[[], None]) -> int:
        calls = 0
        while not ended.is_set():
            check()
            calls += 1
        return calls

    with threads(len(checks)) as pool:
        repeating = [pool.submit(repeat, check) for check in checks]
        try:
            yield
        finally:
            ended.set()
        assert all(each.result() for each in repeating)


# Loads -----------------------------------------------------------------------------------------


# Defect 20.
@pytest.mark.long("loads again and again")
def test_a_lookup_never_misses_while_a_load_replaces_everything(db: Database) -> None:
    def rows(generation: int) -> list[Instrument]:
        return [
            replace(INFY, symbol=f"S{n}", token=f"{n}", name=f"{generation}", tick_size=Decimal(1))
            for n in range(2000)
        ]

    def by_symbol() -> None:
        assert instruments.get(db, "zerodha", "NSE", "S1999") is not None

    def by_token() -> None:
        assert instruments.find_by_token(db, "zerodha", "NSE", "0") is not None

    def whole() -> None:
        listed = instruments.stream_by_broker(db, "zerodha")
        names = [row.name for row in listed]
        assert len(names) == 2000
        assert len({*names}) == 1, "rows of two loads"

    load(db, rows(0))
    with called_repeatedly(by_symbol, by_token, whole):
        for generation in range(1, 6):
            assert load(db, rows(generation)).updated == 2000


# Defect 20.
def test_a_load_of_one_exchange_does_not_empty_the_others(tx: Transaction) -> None:
    load(tx, [INFY, FUTURE])
    load(tx, [replace(INFY, name="NEW")])

    assert instruments.get(tx, "zerodha", "NFO", FUTURE.symbol) == FUTURE


# Defect 21.
def test_one_row_without_a_symbol_does_not_end_in_an_empty_table(tx: Transaction) -> None:
    report = load(tx, [INFY, replace(FUTURE, symbol="")])

    assert (report.inserted, report.rejected.rows) == (1, 1)
    assert not loads.is_due(tx, "zerodha")


# Defect 21.
def test_a_broker_whose_load_failed_is_still_due(db: Database) -> None:
    with pytest.raises(LoadError):
        load(db, [])
    status = loads.get_status(db, "zerodha")

    assert status is not None
    assert (status.outcome, status.loaded_at) == ("failed", None)
    assert loads.is_due(db, "zerodha")


# Defect 23.
@pytest.mark.parametrize("rows", [[INFY, WARRANT], [WARRANT, INFY]], ids=["first", "last"])
def test_a_token_never_leads_to_a_warrant_instead_of_its_share(
    tx: Transaction, rows: list[Instrument]
) -> None:
    report = load(tx, rows)

    assert instruments.find_by_token(tx, "zerodha", "NSE", "1") == INFY
    assert instruments.get_all_by_token(tx, "zerodha", [("NSE", "1")]) == [INFY]
    (left_out,) = report.duplicates.sample
    assert "token '1'" in left_out.reason


# Defect 23.
def test_the_table_cannot_hold_two_rows_of_one_symbol_or_of_one_token(
    db: Database, oadb_database_url: str
) -> None:
    load(db, [INFY])
    copied = (
        "insert into oadb.instruments (broker, exchange, symbol, broker_symbol, broker_exchange, "
        "token, instrument_type, lot_size, tick_size, contract_value) "
        "select broker, exchange, %s, broker_symbol, broker_exchange, %s, instrument_type, 1, 1, 1 "
        "from oadb.instruments"
    )
    for key, values in (("pkey", ("INFY", "X")), ("token_key", ("X", "1"))):
        with (
            psycopg.connect(oadb_database_url) as connection,
            pytest.raises(psycopg.errors.UniqueViolation, match=f"instruments_{key}"),
        ):
            connection.execute(copied, values)


# Defect 29.
def test_no_reader_sees_a_derivative_without_its_underlying(
    db: Database, oadb_database_url: str, tmp_path: Path
) -> None:
    heading = (
        "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_TRADING_SYMBOL,"
        "SEM_LOT_UNITS,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,SEM_TICK_SIZE,SEM_EXCH_INSTRUMENT_TYPE,"
        "SEM_SERIES,SM_SYMBOL_NAME\n"
    )
    file = tmp_path / "dhan.csv"
    observer = Observer(oadb_database_url)

    def no_row_without() -> None:
        counts = "count(*) filter (where underlying is distinct from 'BAJAJ-AUTO'), count(*)"
        ((without, rows),) = observer.rows(f"select {counts} from oadb.instruments")
        assert (without, rows) in {(0, 0), (0, 1000)}

    with called_repeatedly(no_row_without):
        for tick in (5, 10, 5):
            lines = [
                f"NSE,D,{n},OPTSTK,BAJAJ-AUTO-Jul2025-{n}-CE,75.0,2025-07-31,{n}.0,{tick}.0,OP,,\n"
                for n in range(1, 1001)
            ]
            file.write_text("".join((heading, *lines)))
            assert loads.load(db, "dhan", brokers.read("dhan", file), force=True).accepted == 1000


# Defect 31.
def test_expiries_are_ordered_as_dates_and_strikes_are_exact(
    tx: Transaction, tmp_path: Path
) -> None:
    days = [date(2027, 1, 28), date(2026, 12, 31), date(2027, 11, 2)]
    texts = (f"{days[0]:%d%b%Y}", f"{days[1]}", f"{days[2]:%d-%b-%Y}")
    lines = [
        f"{n},{n},X{n},NIFTY,0.0,{text},24000.10,0.05,75,CE,NFO-OPT,NFO"
        for n, text in enumerate(texts)
    ]
    load(tx, brokers.read("zerodha", written(tmp_path / "f.csv", *lines)))
    place = ("zerodha", "NFO", "NIFTY")

    assert instruments.list_option_expiries(tx, *place, with_expired=True) == sorted(days)
    assert instruments.list_strikes(tx, *place, days[0]) == [Decimal("24000.1")]
    found = search.search(
        tx,
        "zerodha",
        "",
        underlying="NIFTY",
        strike_min=Decimal("24000.1"),
        strike_max=Decimal("24000.1"),
    )
    assert len(found) == 3
    assert {3 * row.tick_size for row in found} == {Decimal("0.15")}


# Lookups and search ----------------------------------------------------------------------------


# Defect 24.
def test_a_token_of_two_exchanges_is_found_on_both_by_lookup_and_by_search(tx: Transaction) -> None:
    other = replace(INFY, exchange="CDS", symbol="USDINR", broker_symbol="USDINR", name=None)
    load(tx, [INFY, other])
    index = live_index.build(tx, "zerodha")

    assert index.find_by_token("zerodha", "NSE", "1") == INFY
    assert index.find_by_token("zerodha", "CDS", "1") == other
    for text, row in (("INFY", INFY), ("USDINR", other)):
        assert index.search("zerodha", text) == search.search(tx, "zerodha", text) == [row]


# Defect 25.
def test_an_unknown_exchange_is_not_every_exchange(tx: Transaction) -> None:
    load(tx, [INFY, FUTURE, CALL])
    index = live_index.build(tx, "zerodha")

    for text in ("INFY", "NIFTY", ""):
        assert index.search("zerodha", text, exchange="NOWHERE") == []
        assert search.search(tx, "zerodha", text, exchange="NOWHERE") == []


# Defect 26.
def test_the_index_and_the_database_return_the_same(tx: Transaction) -> None:
    crypto = replace(
        FUTURE,
        exchange="CRYPTO",
        symbol="BTCUSDFUT",
        token="27",
        instrument_type="PERPFUT",
        underlying="BTC",
        expiry=None,
        contract_value=Decimal("0.001"),
    )
    rows = [INFY, FUTURE, CALL, crypto]
    load(tx, rows)
    index = live_index.build(tx, "zerodha")

    for row in rows:
        place = "zerodha", row.exchange
        found = instruments.get(tx, *place, row.symbol)
        assert found == index.get(*place, row.symbol) == row
        assert index.find_by_token(*place, row.token) == row
    for text in ("nifty", "NIFTY CE", "24000", "btc", "INFOSYS"):
        assert (
            index.search("zerodha", text, limit=2)
            == search.search(tx, "zerodha", text, limit=2)
            != []
        )


_FOLLOWER = """
from threading import Event
from oadb import Database
from oadb.market.live_index import LiveIndex

with Database.from_env() as db, LiveIndex(db, "zerodha", interval_seconds=3600) as live:
    held, pause = live.index, Event()
    print(held.get_token("zerodha", "NSE", "INFY"), flush=True)
    while live.index is held:
        pause.wait(0.005)
    print(live.index.get_token("zerodha", "NSE", "INFY"), flush=True)
    print(held.get_token("zerodha", "NSE", "INFY"), flush=True)
"""


# Defect 27.
def test_another_process_does_not_keep_the_instruments_of_yesterday(
    db: Database, oadb_database_url: str
) -> None:
    load(db, [INFY])
    with subprocess.Popen(
        [sys.executable, "-c", _FOLLOWER],
        env={"DATABASE_URL": oadb_database_url},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        load(db, [replace(INFY, token="9")])
        output = process.communicate(timeout=60)[0]

    # The index that the process held was replaced, not emptied.
    assert output == "9\n1\n"


def memory_of(work: Callable[[], T]) -> tuple[T, int]:
    """Return the result of *work*, and the bytes that it holds."""
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


# Defect 28.
@pytest.mark.long("measures memory of many rows")
def test_an_index_needs_less_memory_than_its_rows(filled_url: str) -> None:
    with Database(configured(filled_url)) as db:
        rows, memory_of_rows = memory_of(lambda: [*instruments.stream_by_broker(db, "broker0")])
        index, memory_of_index = memory_of(lambda: live_index.build(db, "broker0"))

    assert len(index) == len(rows) == 10_000
    assert memory_of_index < memory_of_rows / 2


# Defect 28.
@pytest.mark.long("fills a market of 20,000 instruments")
async def test_the_event_loop_runs_while_an_index_is_built(filled_url: str) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with AsyncDatabase(configured(filled_url)) as adb:
        turning = asyncio.create_task(turn())
        index = await live_index.build(adb, "broker0", "broker1")
        turning.cancel()

    assert len(index) == 20_000
    assert turns > 100


# Defect 30.
def test_lower_case_finds_and_wildcards_do_not(tx: Transaction) -> None:
    load(tx, [INFY, replace(INFY, symbol="M&M_A%", broker_symbol="-", token="2", name=None)])

    assert search.search(tx, "zerodha", "inf") == [INFY]
    assert [row.token for row in search.search(tx, "zerodha", "m_a%")] == ["2"]
    for text in ("I%Y", "INF_", "%", "_NFY", "\\"):
        assert INFY not in search.search(tx, "zerodha", text)
    assert search.search(tx, "zerodha", "", underlying="%") == []


# Defect 40.
def test_a_number_as_a_token_is_an_error_and_not_an_unknown_token(tx: Transaction) -> None:
    load(tx, [INFY])
    number: Any = 1
    for find in (instruments.find_by_token, instruments.get):
        with pytest.raises(ParameterError, match="must be str, not int"):
            find(tx, "zerodha", "NSE", number)
    with pytest.raises(ParameterError, match=r"codes\[0\] must be str, not int"):
        instruments.get_all_by_token(tx, "zerodha", [("NSE", number)])
    assert load(tx, [INFY, replace(FUTURE, token=number)]).rejected.rows == 1


# Defect 40.
def test_a_token_that_is_a_number_in_a_file_is_found_as_text(
    tx: Transaction, tmp_path: Path
) -> None:
    file = tmp_path / "angel.json"
    file.write_text(
        '[{"token":2885,"symbol":"RELIANCE-EQ","name":"RELIANCE","expiry":"","strike":-1,'
        '"lotsize":1,"instrumenttype":"","exch_seg":"NSE","tick_size":10.0}]'
    )
    report = loads.load(tx, "angel", brokers.read("angel", file), force=True)
    assert report.rejected.rows == 0

    assert instruments.find_by_token(tx, "angel", "NSE", "2885") is not None
    assert live_index.build(tx, "angel").get_symbol("angel", "NSE", "2885") == "RELIANCE"
