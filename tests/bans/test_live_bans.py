"""Bans in memory: every process knows of a change, and nobody is let in because nobody knows."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic, perf_counter
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.bans import ip_bans, live_bans
from oadb.bans.live_bans import AsyncLiveBans, LiveBans
from oadb.errors import ParameterError, UnavailableError
from tests.support.bans import BY_HAND, age_ban
from tests.support.databases import behind_pgbouncer
from tests.support.prepared_servers import MIGRATED, Prepared
from tests.support.rig import Observer, config, eventually, threads

IP, OTHER = "203.0.113.7", "203.0.113.8"
HOUR = timedelta(hours=1)
NEVER = 3600.0


def seconds_until(condition: Callable[[], object]) -> float:
    started = perf_counter()
    eventually(condition)
    return perf_counter() - started


def test_existing_bans_are_known_at_once(db: Database) -> None:
    ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
    ip_bans.ban(db, "2001:db8:1:2::1", "x", duration=None, by=None)
    with LiveBans(db) as bans:
        assert bans.is_banned(IP)
        assert bans.is_banned(f"::ffff:{IP}")
        assert bans.is_banned("2001:db8:1:2:3::4")
        assert not bans.is_banned("2001:db8:1:3::1")
        assert not bans.is_banned(OTHER)
        assert len(bans) == 2


def test_another_process_knows_of_each_change_within_a_second(db: Database, config: Config) -> None:
    with (
        Database(config) as other,
        LiveBans(other, interval_seconds=NEVER, patience_seconds=NEVER) as bans,
    ):
        steps: list[tuple[Callable[[], object], bool]] = [
            (lambda: ip_bans.ban(db, IP, "x", duration=HOUR, by=None), True),
            (lambda: ip_bans.unban(db, IP), False),
            (lambda: ip_bans.ban(db, IP, "x", duration=HOUR, by=None), True),
            (lambda: ip_bans.exempt(db, "203.0.113.0/24", "office"), False),
            (lambda: ip_bans.unexempt(db, "203.0.113.0/24"), True),
        ]
        for change, expected in steps:
            change()
            assert seconds_until(lambda now=expected: bans.is_banned(IP) is now) < 1


async def test_a_change_is_known_for_asyncio(adb: AsyncDatabase) -> None:
    async with AsyncLiveBans(adb, interval_seconds=NEVER, patience_seconds=NEVER) as bans:
        assert not bans.is_banned(IP)
        await ip_bans.ban(adb, IP, "x", duration=HOUR, by=None)
        await asyncio.to_thread(eventually, lambda: bans.is_banned(IP))


@pytest.mark.long("waits for the second")
def test_without_notifications_a_change_is_known_within_a_second(config: Config) -> None:
    with Database(behind_pgbouncer(config)) as db, LiveBans(db) as bans:
        ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
        assert seconds_until(lambda: bans.is_banned(IP)) < 1.5
        ip_bans.unban(db, IP)
        assert seconds_until(lambda: not bans.is_banned(IP)) < 1.5


# Defect 37: who deleted a row by hand had to restart every process.
@pytest.mark.parametrize(
    "change",
    [
        "delete from oadb.ip_bans",
        "update oadb.ip_bans set expires_at = banned_at + interval '1 microsecond'",
        "insert into oadb.ban_exemptions (network, reason) values ('203.0.113.7', 'x')",
    ],
)
def test_changes_made_by_hand_are_followed(
    db: Database, oadb_database_url: str, change: str
) -> None:
    ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
    with LiveBans(db) as bans:
        assert bans.is_banned(IP)
        Observer(oadb_database_url).rows(change)
        assert seconds_until(lambda: not bans.is_banned(IP)) < 1.5


def test_what_changed_is_told_from_a_few_rows_however_transactions_overlap(
    db: Database, oadb_database_url: str
) -> None:
    states = [live_bans._get_state(db)]
    with psycopg.connect(oadb_database_url) as first:
        first.execute(BY_HAND, [IP])
        ip_bans.ban(db, OTHER, "x", duration=HOUR, by=None)
        states.append(live_bans._get_state(db))
    states.append(live_bans._get_state(db))
    for _ in range(3):
        ip_bans.unban(db, OTHER)
        ip_bans.ban(db, OTHER, "x", duration=HOUR, by=None)
        states.append(live_bans._get_state(db))
    unchanged = [ip_bans.unban(db, "192.0.2.77"), ip_bans.delete_expired(db)]

    assert len({*states}) == len(states)
    assert unchanged == [False, 0]
    assert live_bans._get_state(db) == states[-1]
    assert Observer(oadb_database_url).ask("select count(*) from oadb.ban_changes") == 1


def test_bans_at_once_do_not_wait_for_each_other(db: Database, oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url) as first:
        first.execute(BY_HAND, [IP])
        assert ip_bans.ban(db, OTHER, "x", duration=HOUR, by=None)


def test_without_a_change_nothing_is_read_again(config: Config) -> None:
    with Database(behind_pgbouncer(config)) as db, LiveBans(db, interval_seconds=0.01) as bans:
        ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
        eventually(lambda: bans.is_banned(IP))
        held, since = bans._ends, bans._current_at
        eventually(lambda: bans._current_at > since)
        since = bans._current_at
        eventually(lambda: bans._current_at > since)

        assert bans._ends is held


def test_a_ban_expires_without_another_read(
    db: Database, oadb_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by the clock of this machine: by the time that the database said was left."""
    ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
    ip_bans.ban(db, OTHER, "x", duration=None, by=None)
    age_ban(Observer(oadb_database_url), IP, HOUR - timedelta(seconds=30))
    with LiveBans(db, interval_seconds=NEVER, patience_seconds=NEVER) as bans:
        assert bans.is_banned(IP)
        read_at = monotonic()
        monkeypatch.setattr("oadb.bans.live_bans.monotonic", lambda: read_at + 25)
        assert bans.is_banned(IP)
        monkeypatch.setattr("oadb.bans.live_bans.monotonic", lambda: read_at + 31)
        assert not bans.is_banned(IP)
        assert bans.is_banned(OTHER)


def test_bans_are_kept_during_an_outage_and_unknown_after_the_patience(
    config: Config, oadb_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer(oadb_database_url)
    with (
        Database(behind_pgbouncer(config)) as db,
        LiveBans(db, interval_seconds=0.01, patience_seconds=60) as bans,
    ):
        ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
        eventually(lambda: bans.is_banned(IP))
        observer.rows("alter table oadb.ban_changes rename to gone")
        eventually(lambda: bans.error)

        assert isinstance(bans.error, psycopg.errors.UndefinedTable)
        assert bans.is_banned(IP)
        assert not bans.is_banned(OTHER)
        bans._current_at -= 61
        for address in (IP, OTHER):
            with pytest.raises(UnavailableError, match="bans are not known: last read 6"):
                bans.is_banned(address)
        observer.rows("alter table oadb.gone rename to ban_changes")
        eventually(lambda: bans.error is None)
        assert bans.is_banned(IP)
        assert not bans.is_banned(OTHER)
    said = [each for each in caplog.records if "bans are kept as they were" in each.message]
    assert len(said) == 1


@pytest.mark.fault
def test_a_server_that_restarts_is_followed_again(prepared: Prepared) -> None:
    with (
        prepared(*MIGRATED) as control,
        Database(config(control.url)) as db,
        LiveBans(db, patience_seconds=1.0) as bans,
    ):
        ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
        eventually(lambda: bans.is_banned(IP))
        control.stop("fast")
        assert bans.is_banned(IP)
        eventually(lambda: raises(bans, IP), 30)
        assert raises(bans, OTHER)
        control.start()
        eventually(lambda: not raises(bans, IP), 60)
        assert bans.is_banned(IP)
        assert not bans.is_banned(OTHER)


def raises(bans: LiveBans, address: str) -> bool:
    try:
        bans.is_banned(address)
    except UnavailableError:
        return True
    return False


def test_a_listener_that_lost_its_connection_misses_no_ban(
    db: Database, oadb_database_url: str
) -> None:
    observer = Observer(oadb_database_url)
    with LiveBans(db, interval_seconds=NEVER, patience_seconds=NEVER) as bans:
        eventually(lambda: len(observer.backends("idle")) >= 2)
        observer.rows(BY_HAND, IP)  # which announces nothing
        assert not bans.is_banned(IP)
        observer.terminate()
        eventually(lambda: bans.is_banned(IP))


def test_an_error_of_the_first_read_is_raised(config: Config, oadb_database_url: str) -> None:
    Observer(oadb_database_url).rows("alter table oadb.ban_changes rename to gone")
    with Database(config) as db, pytest.raises(psycopg.errors.UndefinedTable):
        LiveBans(db).__enter__()


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "fe80::1%eth0", "203.0.113.0/24", "\0", "\ud800", None, 5, b"\xcb\0qA"],
)
def test_what_is_no_address_is_refused(shared_db: Database, text: Any) -> None:
    with (
        LiveBans(shared_db) as bans,
        pytest.raises(ParameterError, match="must be an IPv4 or IPv6 address"),
    ):
        bans.is_banned(text)


def test_before_the_first_read_no_answer_is_given(db: Database) -> None:
    ip_bans.ban(db, IP, "x", duration=HOUR, by=None)
    for address in (IP, OTHER):
        with pytest.raises(UnavailableError, match="not read yet"):
            LiveBans(db).is_banned(address)


@pytest.mark.parametrize(
    "given", [{"interval_seconds": 0}, {"interval_seconds": 2, "patience_seconds": 1}], ids=str
)
def test_impossible_intervals_are_refused(db: Database, given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="bans: "):
        LiveBans(db, **given)


@pytest.mark.long("bans and reads for a second")
def test_readers_see_each_ban_whole_or_not_at_all_while_others_ban(
    db: Database, config: Config
) -> None:
    wide = replace(config, pool_size=4)
    ended = threading.Event()
    addresses = [f"198.51.100.{number}" for number in range(40)]

    def look() -> int:
        looks = 0
        while not ended.is_set():
            looks += sum(bans.is_banned(each) in {True, False} for each in addresses)
        return looks

    with Database(wide) as other, LiveBans(other) as bans, threads(3) as pool:
        readers = [pool.submit(look) for _ in range(2)]
        try:
            for address in addresses:
                ip_bans.ban(db, address, "x", duration=HOUR, by=None)
            eventually(lambda: all(map(bans.is_banned, addresses)))
        finally:
            ended.set()
        assert all(reader.result() for reader in readers)
        assert len(bans) == 40


def test_closing_ends_its_threads(db: Database) -> None:
    with LiveBans(db) as bans:
        pass

    assert not bans._thread.is_alive()
    assert bans._pacing._thread is not None
    assert not bans._pacing._thread.is_alive()
