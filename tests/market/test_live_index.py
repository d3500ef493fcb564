"""The live index follows the database, by notification and by polling."""

import asyncio
import logging
import random
from dataclasses import replace
from threading import Event

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.errors import ParameterError
from oadb.market import live_index
from oadb.market.live_index import AsyncLiveIndex, LiveIndex
from tests.market.index.listed import replace_all
from tests.support.databases import behind_pgbouncer
from tests.support.instrument_rows import INFY, TCS
from tests.support.log_records import said
from tests.support.rig import Observer, eventually, threads


def token(live: LiveIndex | AsyncLiveIndex) -> str | None:
    return live.index.get_token("zerodha", "NSE", "INFY")


def test_a_load_is_followed_at_once(db: Database, oadb_database_url: str) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    with LiveIndex(db, "zerodha", interval_seconds=3600) as live:
        held = live.index
        assert token(live) == "1"
        replace_all(oadb_database_url, "zerodha", [replace(INFY, token="9")])
        eventually(lambda: token(live) == "9")

        assert held.get_token("zerodha", "NSE", "INFY") == "1"


async def test_a_load_is_followed_at_once_for_asyncio(
    adb: AsyncDatabase, oadb_database_url: str
) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    async with AsyncLiveIndex(adb, "zerodha", interval_seconds=3600) as live:
        assert token(live) == "1"
        replace_all(oadb_database_url, "zerodha", [replace(INFY, token="9")])
        await asyncio.to_thread(eventually, lambda: token(live) == "9")


def test_a_load_is_found_by_polling_behind_pgbouncer(
    config: Config, oadb_database_url: str
) -> None:
    with (
        Database(behind_pgbouncer(config)) as db,
        LiveIndex(db, "zerodha", interval_seconds=0.01) as live,
    ):
        assert len(live.index) == 0
        replace_all(oadb_database_url, "zerodha", [INFY], notify=False)
        eventually(lambda: token(live) == "1")


async def test_a_load_is_found_by_polling_for_asyncio(
    config: Config, oadb_database_url: str
) -> None:
    async with (
        AsyncDatabase(behind_pgbouncer(config)) as db,
        AsyncLiveIndex(db, "zerodha", interval_seconds=0.01) as live,
    ):
        replace_all(oadb_database_url, "zerodha", [INFY], notify=False)
        await asyncio.to_thread(eventually, lambda: token(live) == "1")


def test_without_a_load_the_index_is_not_rebuilt(config: Config, oadb_database_url: str) -> None:
    replace_all(oadb_database_url, "zerodha", [INFY])
    with (
        Database(behind_pgbouncer(config)) as db,
        LiveIndex(db, "zerodha", interval_seconds=0.01) as live,
    ):
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
    with (
        Database(behind_pgbouncer(config)) as db,
        LiveIndex(db, "zerodha", interval_seconds=0.01) as live,
    ):
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
    with LiveIndex(db, "zerodha", interval_seconds=3600) as live:
        eventually(lambda: len(observer.backends("idle")) >= 2)
        replace_all(oadb_database_url, "zerodha", [TCS], notify=False)
        observer.terminate()
        eventually(lambda: token(live) is None)

        assert live.index.get("zerodha", "NSE", "TCS") == TCS


@pytest.mark.long("loads again and again")
def test_readers_never_see_a_mix_of_two_loads(db: Database, oadb_database_url: str) -> None:
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
    with LiveIndex(db, "zerodha", interval_seconds=3600) as live, threads(4) as pool:
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


def test_a_failed_rebuild_keeps_the_old_index_is_logged_and_retried(
    config: Config, oadb_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer(oadb_database_url)
    replace_all(oadb_database_url, "zerodha", [INFY])
    with (
        Database(behind_pgbouncer(config)) as db,
        LiveIndex(db, "zerodha", interval_seconds=0.01) as live,
    ):
        observer.ask("alter table oadb.instruments rename to gone")
        observer.ask("update oadb.instrument_loads set ended_at = clock_timestamp()")
        eventually(lambda: live.error)

        assert isinstance(live.error, psycopg.errors.UndefinedTable)
        assert token(live) == "1"
        assert 0 < live.age_seconds < 10
        observer.ask("alter table oadb.gone rename to instruments")
        eventually(lambda: live.error is None)
    assert any("kept as they were" in record.message for record in caplog.records)


def test_an_error_of_the_first_build_is_raised(config: Config, oadb_database_url: str) -> None:
    Observer(oadb_database_url).ask("alter table oadb.instruments rename to gone")
    with Database(config) as db, pytest.raises(psycopg.errors.UndefinedTable):
        LiveIndex(db, "zerodha").__enter__()


def test_an_unknown_broker_has_an_empty_index_and_a_warning(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "oadb.live_index"):
        assert len(live_index.build(db, "nobody")) == 0

    assert said(caplog, "oadb.live_index") == ["there are no instruments of broker nobody"]


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_must_be_above_zero(db: Database, interval: float) -> None:
    with pytest.raises(ParameterError, match="interval"):
        LiveIndex(db, "zerodha", interval_seconds=interval)


def test_an_index_of_no_broker_is_refused(db: Database) -> None:
    with pytest.raises(ParameterError, match="one or more brokers"):
        LiveIndex(db)


def test_closing_ends_its_threads(db: Database) -> None:
    with LiveIndex(db, "zerodha", interval_seconds=3600) as live:
        pass

    assert not live._thread.is_alive()
    assert live._pacing._thread is not None
    assert not live._pacing._thread.is_alive()
