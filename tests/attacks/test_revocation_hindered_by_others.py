"""Who may only connect must neither hinder a revocation, nor hear of it, nor have it missed.

Any role with CONNECT can send notifications on every channel, and listen to them.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, ProgramLimitExceeded

from oadb import Database, Refusal, Secret
from oadb.accounts import api_keys, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.bans import ip_bans
from oadb.bans.live_bans import LiveBans, _BansInMemory
from oadb.changes.following import Following
from oadb.changes.live_cache import LiveCache, _Cache
from oadb.changes.pacing import SHORTEST_PAUSE
from oadb.engine.executors import AsyncExecutor
from oadb.market.live_index import LiveIndex, _IndexInMemory
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.layouts import ONE_ROLE_AND_ALL, url_in
from tests.support.prepared_servers import Prepared
from tests.support.rig import eventually
from tests.support.roles import connect
from tests.support.user_rows import login

NEVER = 3600.0
CHANNELS = ("oadb_changes", "oadb_ip_bans", "oadb_instruments")
ADDRESS = "203.0.113.7"


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    """Give a server with a notification queue of half a megabyte, where that can be set."""
    with prepared(*ONE_ROLE_AND_ALL) as control:
        with connect(control.url) as connection:
            connection.execute("create role hostile login")
            if connection.info.server_version >= 170000:
                connection.execute("alter system set max_notify_queue_pages = 64")
        control.restart()
        yield control.server


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return url_in(server, "separate")


@pytest.fixture
def hostile_url(server: Server) -> str:
    return login(server, "hostile", "separate")


@contextmanager
def full_queue(hostile_url: str) -> Generator[None]:
    """Fill the queue: who listens in a transaction that stays open keeps all that follows."""
    with connect(hostile_url) as listener, connect(hostile_url) as sender:
        if sender.info.server_version < 170000:
            pytest.skip("PostgreSQL before 17")
        listener.execute("listen anything")
        listener.execute("begin; select 1")
        send = (
            "select pg_notify('anything', n || repeat('x', 7900)) from generate_series(1, 99) as n"
        )
        with pytest.raises(ProgramLimitExceeded):
            sender.execute(send)
        yield


@pytest.mark.usefixtures("cheap_hashing")
def test_a_full_notification_queue_refuses_no_revocation(url: str, hostile_url: str) -> None:
    with Database(configured(url)) as db:
        user = users.create(db, "asha", "asha@example.in")
        key = api_keys.create(db, user.user_id, "bot", order_mode="auto").key
        with full_queue(hostile_url):
            assert api_keys.revoke(db, user.user_id, key.api_key_id)
            users.set_password(db, user.user_id, Secret("correct horse battery"))
            assert sessions.end_all(db, user.user_id) == 0
            ip_bans.ban(db, ADDRESS, "x", duration=None, by=None)
        assert users.verify_password(db, "asha", Secret("correct horse battery"))


def test_who_listens_learns_only_that_something_changed(url: str, hostile_url: str) -> None:
    with Database(configured(url)) as db, connect(hostile_url) as listener:
        for channel in CHANNELS:
            listener.execute(f"listen {channel}".encode())
        user_id = users.create(db, "ben", "ben@example.in").user_id
        ip_bans.ban(db, ADDRESS, "x", duration=None, by=None)
        users.delete(db, user_id)
        heard = [*listener.notifies(timeout=10, stop_after=2)]

    assert len(heard) >= 2
    assert {notice.payload for notice in heard} == {""}


@contextmanager
def flood(hostile_url: str, *channels: str) -> Generator[None]:
    """Notify in a tight loop while the block runs."""
    ended = threading.Event()

    def send() -> None:
        with connect(hostile_url) as connection:
            while not ended.is_set():
                with suppress(psycopg.Error):
                    connection.execute(
                        "select pg_notify(name, '[') from unnest(%s::text[]) as name",
                        ([*channels],),
                    )

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_garbage_on_the_channels_keeps_no_revoked_key_in_a_cache(
    url: str, hostile_url: str
) -> None:
    with (
        Database(configured(url)) as db,
        LiveCache[VerifiedKey | Refusal](db, "api_keys") as keys,
        connect(hostile_url) as hostile,
    ):
        user = users.create(db, "chandra", "chandra@example.in")
        for garbage in ("", "[", "[" * 7000, '{"table": 1}', "\U0001f600", "null"):
            made = api_keys.create(db, user.user_id, "bot", order_mode="auto")
            verify = partial(keys.get, made.token, partial(api_keys.verify, db, made.token))
            eventually(lambda verify=verify: verify() and len(keys) == 1)
            for channel in CHANNELS:
                hostile.execute("select pg_notify(%s, %s)", (channel, garbage))
            api_keys.revoke(db, user.user_id, made.key.api_key_id)
            eventually(lambda verify=verify: not verify())


@pytest.mark.long("counts the reads of two seconds")
def test_a_flood_of_hints_causes_no_more_than_ten_reads_a_second(
    url: str, hostile_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: dict[object, list[float]] = {}

    def counted(followers: type[Following[Any]]) -> None:
        read = followers._read

        async def note(self: Following[Any], db: AsyncExecutor) -> None:
            reads.setdefault(followers, []).append(monotonic())
            await read(self, db)

        monkeypatch.setattr(followers, "_read", note)

    followed = (_BansInMemory, _IndexInMemory, _Cache)
    for each in followed:
        counted(each)
    with (
        Database(configured(url)) as db,
        LiveBans(db, interval_seconds=NEVER, patience_seconds=NEVER),
        LiveIndex(db, "zerodha", interval_seconds=NEVER),
        LiveCache[str](db, "trading_mode", bound_seconds=NEVER),
        flood(hostile_url, *CHANNELS),
    ):
        eventually(lambda: all(len(reads[each]) > 20 for each in followed), 60)

    for each in followed:
        first, *_, last = reads[each]
        # A thread may be late for its first read, and have it counted with the second.
        assert len(reads[each]) <= (last - first) / SHORTEST_PAUSE + 3


def test_who_may_only_connect_reads_and_writes_no_changes(hostile_url: str) -> None:
    with connect(hostile_url) as hostile:
        for statement in (
            "select from oadb.changes",
            "insert into oadb.changes (table_name, key) values ('users', '')",
            "delete from oadb.changes",
        ):
            with pytest.raises(InsufficientPrivilege):
                hostile.execute(statement.encode())
