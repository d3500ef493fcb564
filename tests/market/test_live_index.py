"""The index answers as SQL does, and follows the database: by notification, and by asking."""

import asyncio
import logging
import random
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb import AsyncDatabase, Config, Database
from oadb.errors import ParameterError
from oadb.market import instruments, live_index, search
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument
from oadb.market.live_index import AsyncLiveIndex, LiveIndex
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.market.index import reference
from tests.market.index.listed import MARKETS, insert, replace_all
from tests.support.rig import Observer, eventually, threads

INFY = Instrument(
    broker="zerodha", exchange="NSE", symbol="INFY", name="INFOSYS", broker_symbol="INFY",
    broker_exchange="NSE", token="1", instrument_type="EQ", underlying=None, expiry=None,
    strike=None, lot_size=1, tick_size=Decimal("0.05"), contract_value=Decimal(1),
)  # fmt: skip
TCS = replace(INFY, symbol="TCS", broker_symbol="TCS", name=None, token="2")

# The same answers as SQL -------------------------------------------------------------------------


@pytest.fixture(scope="module", params=MARKETS)
def market(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def listed(market: str) -> list[Instrument]:
    return MARKETS[market]()


@pytest.fixture(scope="module")
def full_db(
    oadb_server: Server, oadb_template: str, listed: list[Instrument]
) -> Generator[Database]:
    """Give a database with a market, and the first of its rows for another broker as well."""
    with oadb_server.clone(oadb_template) as url, Database(configured(url)) as db:
        replace_all(url, "zerodha", listed)
        replace_all(url, "upstox", [replace(row, broker="upstox") for row in listed[:500]])
        yield db


@pytest.fixture(scope="module")
def full(full_db: Database) -> InstrumentIndex:
    return live_index.build(full_db, "zerodha", "upstox")


@pytest.fixture(scope="module")
def prepared(listed: list[Instrument]) -> reference.Prepared:
    return reference.prepared(listed)


def assert_lookups_are_those_of_sql(index: InstrumentIndex, rows: list[Instrument]) -> None:
    """Compare each lookup of each row; *rows* are what SQL returned, all columns of each."""
    for row in rows:
        place = row.broker, row.exchange
        assert index.get(*place, row.symbol) == row
        assert index.find_by_token(*place, row.token) == row
        assert index.get_token(*place, row.symbol) == row.token
        assert index.get_symbol(*place, row.token) == row.symbol
        assert index.get_broker_symbol(*place, row.symbol) == row.broker_symbol
        assert index.find_by_broker_symbol(*place, row.broker_symbol) is not None
    assert len(index) == len(rows)


def test_every_lookup_of_every_row_is_that_of_sql(
    full_db: Database, full: InstrumentIndex, listed: list[Instrument]
) -> None:
    rows = [
        row
        for broker in ("upstox", "zerodha")
        for row in instruments.stream_by_broker(full_db, broker)
    ]

    assert len(rows) == len(listed) + 500
    assert_lookups_are_those_of_sql(full, rows)
    assert [str(full.get("zerodha", r.exchange, r.symbol)) for r in listed] == [*map(str, listed)]


TEXTS = [
    "nifty", "NIFTY 24000 ce", "24000.00 nifty", "24000.50", "24000.", "reliance", "infosys", "50",
    "ce", "zzzz", "13623298", "::::", "%", "_", "a\\", "n-", "NIFTY NIFTY", "  bank  fut ", "é", "",
]  # fmt: skip
FILTERS: list[dict[str, Any]] = [
    {},
    {"exchange": "NFO"},
    {"exchange": "NOWHERE"},
    {"instrument_type": "CE", "underlying": "NIFTY"},
    {"expiry": date(2025, 7, 31), "limit": 7},
    {"strike_min": Decimal(24000), "strike_max": Decimal("24100.0")},
    {"strike_min": Decimal(90000), "limit": 1000},
]


SEARCHES = [
    *((text, FILTERS[0]) for text in TEXTS),
    *((text, filters) for text in ("", "nifty", "24000 ce") for filters in FILTERS[1:]),
]


EMPTY = [
    ("zzzz", {}), ("", {}), ("nifty", FILTERS[6]), ("24000 ce", FILTERS[6]),
    *((text, FILTERS[2]) for text in ("", "nifty", "24000 ce")),
]  # fmt: skip
"""What finds nothing in the made-up market; the other searches find something."""


@pytest.mark.parametrize(("text", "filters"), SEARCHES)
def test_a_search_of_a_market_returns_what_its_description_says(
    full: InstrumentIndex, market: str, prepared: reference.Prepared, text: str,
    filters: dict[str, Any],
) -> None:  # fmt: skip
    found = full.search("zerodha", text, **filters)

    assert found == reference.search(prepared, text, **filters)
    assert bool(found) is ((text, filters) not in EMPTY) or market == "real"


@pytest.mark.parametrize(("text", "filters"), SEARCHES)
def test_a_search_of_a_market_returns_what_sql_returns(
    full_db: Database, full: InstrumentIndex, text: str, filters: dict[str, Any]
) -> None:
    found = search.search(full_db, "zerodha", text, **filters)

    assert full.search("zerodha", text, **filters) == found


# Defect 40.
def test_a_number_is_no_token_and_is_not_taken_for_an_unknown_one(full: InstrumentIndex) -> None:
    for look in (full.get_token, full.get_symbol, full.find_by_token):
        with pytest.raises(ParameterError, match="must be str, not int"):
            look("zerodha", "NSE", 408065)  # type: ignore[arg-type]


def test_derivatives_are_told_by_underlying_expiry_and_strike(
    full: InstrumentIndex, listed: list[Instrument]
) -> None:
    nifty = [row for row in listed if row.underlying == "NIFTY" and row.exchange == "NFO"]
    days = {
        kind: {row.expiry for row in nifty if row.instrument_type == kind} for kind in ("CE", "FUT")
    }
    day = date(2025, 7, 31)
    chain = [row for row in nifty if row.expiry == day and row.instrument_type != "FUT"]
    place = ("zerodha", "NFO", "NIFTY")

    assert full.list_underlyings("zerodha", "NFO") == sorted(
        {r.underlying or "" for r in listed if r.exchange == "NFO"}
    )
    assert {*full.list_option_expiries(*place, with_expired=True)} == days["CE"]
    assert {*full.list_future_expiries(*place, with_expired=True)} == days["FUT"]
    assert full.list_strikes(*place, day) == sorted({row.strike or Decimal() for row in chain})
    assert full.list_chain(*place, day) == sorted(
        chain, key=lambda row: (row.strike, row.instrument_type)
    )


@pytest.mark.parametrize("underlying", ["NIFTY", "RELIANCE", "none"])
def test_derivatives_are_told_as_sql_tells_them(
    full_db: Database, full: InstrumentIndex, underlying: str
) -> None:
    sql: Any = instruments
    place = ("zerodha", "NFO", underlying)

    for flag in (False, True):
        assert full.list_underlyings(*place[:2], flag) == sql.list_underlyings(
            full_db, *place[:2], flag
        )
        for name in ("list_option_expiries", "list_future_expiries"):
            assert getattr(full, name)(*place, flag) == getattr(sql, name)(full_db, *place, flag)
    for day in full.list_future_expiries(*place, with_expired=True):
        for name in ("list_strikes", "list_chain"):
            assert getattr(full, name)(*place, day) == getattr(sql, name)(full_db, *place, day)


def test_expired_contracts_are_told_on_request_alone(full: InstrumentIndex) -> None:
    place = ("zerodha", "NFO", "NIFTY")
    today = datetime.now(ZoneInfo("Asia/Kolkata")).date()
    every = full.list_option_expiries(*place, with_expired=True)

    assert full.list_option_expiries(*place) == [day for day in every if day >= today]


# Few characters, so that rows meet: in one another's columns, and what COPY writes in another way.
WORDS = st.text(alphabet="aAbB1.0\\tN\t\n\r =é%_ß\x1f", min_size=1, max_size=5)
PRICES = st.sampled_from([*map(Decimal, ("1", "10", "1.0", "0.10", "100.50", "1000000"))])
ROWS = st.builds(
    Instrument,
    broker=st.sampled_from(["zerodha", 'b,\\{}"']),
    exchange=st.sampled_from(["NSE", "N\tF"]),
    symbol=WORDS,
    name=WORDS | st.none() | st.just(""),
    broker_symbol=WORDS,
    broker_exchange=WORDS,
    token=WORDS,
    instrument_type=st.sampled_from(["EQ", "CE", "x\\"]),
    underlying=WORDS | st.none() | st.just(""),
    expiry=st.dates() | st.none(),
    strike=PRICES | st.none(),
    lot_size=st.integers(0, 2**63 - 1),
    tick_size=PRICES,
    contract_value=PRICES,
)


def consistent(rows: list[Instrument]) -> list[Instrument]:
    """Return rows of which no two share a symbol or a token, some named as their underlying."""
    by_symbol = {(row.broker, row.exchange, row.symbol): row for row in rows}
    by_token = {(row.broker, row.exchange, row.token): row for row in by_symbol.values()}
    return [
        replace(row, name=row.underlying) if row.lot_size % 2 else row for row in by_token.values()
    ]


class _UndoError(Exception):
    """Ends the transaction of an example."""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=12).map(consistent), text=WORDS, limit=st.integers(1, 5))
def test_any_row_is_found_as_sql_finds_it(
    shared_db: Database, rows: list[Instrument], text: str, limit: int
) -> None:
    with suppress(_UndoError), shared_db.transaction() as tx:
        instruments.count_by_broker(tx, "")  # BEGIN travels with it
        connection = tx._inner._open.connection  # to write what no load would
        insert(connection, rows)
        index = live_index.build(tx, "zerodha", 'b,\\{}"')

        assert_lookups_are_those_of_sql(
            index,
            [instruments.get(tx, row.broker, row.exchange, row.symbol) or row for row in rows],
        )
        assert [index.get(row.broker, row.exchange, row.symbol) for row in rows] == rows
        mine = reference.prepared(row for row in rows if row.broker == "zerodha")
        listed = index.search("zerodha", text, limit=limit)
        assert listed == reference.search(mine, text, limit)
        assert listed == search.search(tx, "zerodha", text, limit=limit)
        for row in rows:
            found = index.find_by_broker_symbol(row.broker, row.exchange, row.broker_symbol)
            place = (row.broker, row.exchange, row.broker_symbol)
            same = [
                each for each in rows if (each.broker, each.exchange, each.broker_symbol) == place
            ]
            assert found == min(same, key=lambda each: each.symbol)
        raise _UndoError


def test_what_is_unknown_is_none_or_empty(full: InstrumentIndex) -> None:
    for place in (("zerodha", "NSE"), ("zerodha", "NOWHERE"), ("nobody", "NSE")):
        assert full.get_token(*place, "none") is None
        assert full.get_symbol(*place, "none") is None
        assert full.get_broker_symbol(*place, "none") is None
        assert full.get(*place, "none") is None
        assert full.find_by_token(*place, "none") is None
        assert full.find_by_broker_symbol(*place, "none") is None
    assert full.list_underlyings("nobody", "NSE", with_futures=True) == []
    assert full.list_option_expiries("nobody", "NSE", "NIFTY") == []
    assert full.list_chain("nobody", "NSE", "NIFTY", date(2025, 7, 31)) == []


def test_bulk_lookups_keep_the_order_and_say_none(full: InstrumentIndex) -> None:
    found = full.get_all("zerodha", [("NSE", "INFY"), ("NSE", "none"), ("NSE", "INFY")])
    pairs = [("NSE", row.token if row else "none") for row in found]

    assert [row and row.symbol for row in found] == ["INFY", None, "INFY"]
    assert full.find_all_by_token("zerodha", pairs) == found


@pytest.mark.parametrize("text", ["x" * 201, "x " * 11, "\0", "\ud800"])
def test_a_text_that_sql_refuses_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        InstrumentIndex().search("zerodha", text)


@pytest.mark.parametrize("limit", [0, 1001, -1])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ParameterError, match="limit"):
        InstrumentIndex().search("zerodha", "x", limit=limit)


# Following ---------------------------------------------------------------------------------------


def token(live: LiveIndex | AsyncLiveIndex) -> str | None:
    return live.index.get_token("zerodha", "NSE", "INFY")


def pooled(config: Config) -> Config:
    """Return *config* as it is behind PgBouncer, which passes no notifications on."""
    return replace(config, pooler="pgbouncer")


def test_a_load_is_followed_at_once(db: Database, oadb_database_url: str) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    with LiveIndex(db, "zerodha", interval=3600) as live:
        held = live.index
        assert token(live) == "1"
        replace_all(oadb_database_url, "zerodha", [replace(INFY, token="9")])
        eventually(lambda: token(live) == "9")

        assert held.get_token("zerodha", "NSE", "INFY") == "1"


async def test_a_load_is_followed_at_once_for_asyncio(
    adb: AsyncDatabase, oadb_database_url: str
) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    async with AsyncLiveIndex(adb, "zerodha", interval=3600) as live:
        assert token(live) == "1"
        replace_all(oadb_database_url, "zerodha", [replace(INFY, token="9")])
        await asyncio.to_thread(eventually, lambda: token(live) == "9")


def test_a_load_is_found_by_asking_where_nobody_can_listen(
    config: Config, oadb_database_url: str
) -> None:
    with Database(pooled(config)) as db, LiveIndex(db, "zerodha", interval=0.01) as live:
        assert len(live.index) == 0
        replace_all(oadb_database_url, "zerodha", [INFY], notify=False)
        eventually(lambda: token(live) == "1")


async def test_a_load_is_found_by_asking_for_asyncio(
    config: Config, oadb_database_url: str
) -> None:
    async with (
        AsyncDatabase(pooled(config)) as db,
        AsyncLiveIndex(db, "zerodha", interval=0.01) as live,
    ):
        replace_all(oadb_database_url, "zerodha", [INFY], notify=False)
        await asyncio.to_thread(eventually, lambda: token(live) == "1")


def test_without_a_load_nothing_is_built_anew(config: Config, oadb_database_url: str) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    with Database(pooled(config)) as db, LiveIndex(db, "zerodha", interval=0.01) as live:
        held, since = live.index, live._current_at
        replace_all(oadb_database_url, "upstox", [replace(INFY, broker="upstox")])
        eventually(lambda: live._current_at > since)
        since = live._current_at
        eventually(lambda: live._current_at > since)

        assert live.index is held


def test_a_load_that_began_first_and_ended_last_is_followed(
    config: Config, oadb_database_url: str
) -> None:
    observer = Observer(oadb_database_url)
    started = observer.ask(
        "insert into oadb.instrument_loads (broker, source) values ('zerodha', 'x') "
        "returning load_id"
    )
    replace_all(oadb_database_url, "zerodha", [INFY])
    with Database(pooled(config)) as db, LiveIndex(db, "zerodha", interval=0.01) as live:
        observer.ask("update oadb.instruments set token = '9'")
        observer.ask(
            "update oadb.instrument_loads set outcome = 'loaded', ended_at = clock_timestamp() "
            "where load_id = %s",
            started,
        )
        eventually(lambda: token(live) == "9")


def test_a_listener_that_lost_its_connection_misses_no_load(
    db: Database, oadb_database_url: str
) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    observer = Observer(oadb_database_url)
    with LiveIndex(db, "zerodha", interval=3600) as live:
        eventually(lambda: len(observer.backends("idle")) >= 2)
        observer.terminate()
        replace_all(oadb_database_url, "zerodha", [TCS], notify=False)
        eventually(lambda: token(live) is None)

        assert live.index.get("zerodha", "NSE", "TCS") == TCS


def test_readers_never_see_two_loads_mixed(db: Database, oadb_database_url: str) -> None:
    symbols = [f"S{number}" for number in range(300)]

    def load(generation: int) -> None:
        rows = [
            replace(INFY, symbol=s, broker_symbol=f"B{s}", token=f"{generation}:{s}")
            for s in symbols
        ]
        replace_all(oadb_database_url, "zerodha", rows)

    def read() -> set[str]:
        seen = set[str]()
        while not ended.is_set():
            index = live.index
            tokens = [
                index.get_token("zerodha", "NSE", s) or ":" for s in random.sample(symbols, 20)
            ]
            (generation,) = {each.partition(":")[0] for each in tokens}
            assert [index.get_symbol("zerodha", "NSE", each) for each in tokens] == [
                each.partition(":")[2] for each in tokens
            ]
            seen.add(generation)
        return seen

    ended = Event()
    load(0)
    with LiveIndex(db, "zerodha", interval=3600) as live, threads(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for generation in range(1, 6):
                load(generation)
                eventually(
                    lambda now=generation: (
                        live.index.get_token("zerodha", "NSE", "S0") == f"{now}:S0"
                    )
                )
        finally:
            ended.set()
        assert all(reader.result() for reader in readers)


def test_what_cannot_be_built_leaves_the_old_index_and_is_told_and_tried_again(
    config: Config, oadb_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer(oadb_database_url)
    replace_all(oadb_database_url, "zerodha", [INFY])
    with Database(pooled(config)) as db, LiveIndex(db, "zerodha", interval=0.01) as live:
        observer.ask("alter table oadb.instruments rename to gone")
        observer.ask("update oadb.instrument_loads set ended_at = clock_timestamp()")
        eventually(lambda: live.error)

        assert isinstance(live.error, psycopg.errors.UndefinedTable)
        assert token(live) == "1"
        assert 0 < live.age < 10
        observer.ask("alter table oadb.gone rename to instruments")
        eventually(lambda: live.error is None)
    assert any("kept as they were" in record.message for record in caplog.records)


def test_the_first_build_raises_what_it_raises(config: Config, oadb_database_url: str) -> None:
    Observer(oadb_database_url).ask("alter table oadb.instruments rename to gone")
    with Database(config) as db, pytest.raises(psycopg.errors.UndefinedTable):
        LiveIndex(db, "zerodha").__enter__()


def test_an_unknown_broker_has_an_empty_index_and_a_warning(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "oadb.live_index"):
        assert len(live_index.build(db, "nobody")) == 0

    assert [record.getMessage() for record in caplog.records] == [
        "there are no instruments of broker nobody"
    ]


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_must_be_above_zero(db: Database, interval: float) -> None:
    with pytest.raises(ParameterError, match="interval"):
        LiveIndex(db, "zerodha", interval=interval)


def test_an_index_of_no_broker_is_refused(db: Database) -> None:
    with pytest.raises(ParameterError, match="one or more brokers"):
        LiveIndex(db)


def test_closing_ends_its_threads(db: Database) -> None:
    with LiveIndex(db, "zerodha", interval=3600) as live:
        pass

    assert not any(thread.is_alive() for thread in live._threads)
