"""Commands and imports whose server falls silent in the middle: each ends, and says what happened.

A proxy lets the conversation pass until a statement is sent, and nothing from then on.
"""

from collections.abc import Generator
from contextlib import suppress
from functools import partial
from time import monotonic

import psycopg
import pytest

from oadb.bans.live_bans import LiveBans
from oadb.engine import dsn, listener
from oadb.engine.database import Database
from oadb.errors import LoadError, UnavailableError
from oadb.importing import postgresql_source, sources
from oadb.tools import maintenance
from oadb.tools.contract import comparison
from oadb.tools.migrations import yoyo_backend
from oadb.tools.session_watch import Pace, SessionWatch
from tests.faults.proxy import End, Proxy
from tests.support.command_line import oadb
from tests.support.rig import config, eventually
from tests.support.rotating import Ring

pytestmark = pytest.mark.fault

# Seconds for a command: its limits here, and attempts to connect, which have 3 s.
_LONGEST = 20.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(first=0.2, longest=0.2, doubtful=0.1, patience=0.3, probe=0.5)
    monkeypatch.setattr(yoyo_backend, "SessionWatch", partial(SessionWatch, pace=pace))
    for module in (comparison, postgresql_source, listener):
        monkeypatch.setattr(module, "_PATIENCE", 0.5)
    monkeypatch.setattr(maintenance, "_QUICK", 0.5)
    monkeypatch.setattr(maintenance, "_SLOW", 0.7)


@pytest.fixture
def proxy(oadb_database_url: str) -> Generator[Proxy]:
    with Proxy(dsn.parse(oadb_database_url).keywords) as proxy:
        yield proxy


def silence_at(proxy: Proxy, statement: str) -> None:
    """Have the proxy hold back everything as soon as a client sends *statement*."""

    def hook(end: End, data: bytes) -> bool:
        if end.is_client and statement.encode() in data:
            proxy.paused = True
        return False

    proxy.hook = hook


@pytest.mark.holds("F13")
@pytest.mark.parametrize(
    ("command", "statement", "code", "said"),
    [
        ("bans list", "ip_bans.", 1, "the database did not answer before the deadline"),
        ("check", "catalog.list_types", 1, "the database did not answer before the deadline"),
        ("check", "*/ oadb.api_keys", 1, "has not answered for 0.5 s"),
        ("doctor", "catalog.list_roles", 3, "catalog.list_roles: the database did not answer"),
        ("doctor", "migration_history.list_applied", 3, "FAIL migrations: status: migration_"),
        ("instruments status", "loads.", 1, "the database did not answer before the deadline"),
        ("keys rewrap", "proof.", 1, "the database did not answer before the deadline"),
        ("keys verify", "proof.list_canaries", 1, "the database did not answer before the"),
        ("maintain", "partitions.find_owner", 3, "FAIL maintain: partitions.find_owner: the data"),
        ("maintain", "partitions.list_missing", 3, "FAIL maintain: partitions.list_missing: the"),
        ("maintain", "sessions._sweep", 3, "sessions._sweep: the deadline"),
        ("maintain --dry-run", "partitions.list_missing", 3, "FAIL maintain: partitions.list_mi"),
        ("migrate", "migration_history.lock_runs", 1, "the server does not answer another"),
        ("migrate status", "migration_history.list_applied", 1, "the server does not answer"),
        ("schema", "schema.", 1, "the database did not answer before the deadline"),
        ("stats", "traffic._summarize", 1, "the database did not answer before the deadline"),
        ("users unlock asha", "lockouts.", 1, "lockouts._reset_account: the deadline passed"),
    ],
)
def test_a_command_ends_and_says_what_did_not_answer(
    ring: Ring, proxy: Proxy, command: str, statement: str, code: int, said: str
) -> None:
    silence_at(proxy, statement)
    environment = {**ring.environment, "DB_CALL_DEADLINE": "0.5", "DB_POOL_TIMEOUT": "1"}
    environment.pop("DATABASE_URL", None)
    started = monotonic()
    done = oadb(*command.split(), url=proxy.url, **environment)
    assert proxy.paused, "the statement was never sent"
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr
    assert monotonic() - started < _LONGEST


@pytest.mark.holds("F13")
@pytest.mark.parametrize("statement", ["set_config", "pg_index", "from users"])
def test_an_import_ends_when_its_source_falls_silent(
    oadb_database_url: str, proxy: Proxy, statement: str
) -> None:
    silence_at(proxy, statement)
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute("create table users (id bigint primary key)")
    started = monotonic()
    with (
        pytest.raises(LoadError, match="it does not answer"),
        sources.opened([], [proxy.url]) as found,
    ):
        list(found.rows("users"))
    assert monotonic() - started < _LONGEST


@pytest.mark.holds("F13")
def test_a_listener_that_gets_no_answer_to_listen_gives_up(proxy: Proxy) -> None:
    silence_at(proxy, 'listen "news"')
    with Database(config(proxy.url)) as db:
        db.open()
        started = monotonic()
        with (
            pytest.raises(UnavailableError, match="cannot listen: the server has not answered"),
            db.listen("news"),
        ):
            pass
        assert monotonic() - started < 3.0
        proxy.hook = lambda _end, _data: False
        proxy.resume()
        with suppress(StopIteration), db.listen("news") as events:
            assert next(events) == listener.Listening()


@pytest.mark.holds("F13")
def test_live_bans_say_how_old_they_are_while_the_server_is_silent(proxy: Proxy) -> None:
    limits = {"call_deadline_seconds": 0.5, "pool_timeout_seconds": 1.0}
    with (
        Database(config(proxy.url, **limits)) as db,
        LiveBans(db, interval_seconds=0.1) as bans,
    ):
        assert bans.error is None
        proxy.pause()
        eventually(lambda: isinstance(bans.error, UnavailableError))
        assert bans.age_seconds > 0.4
        assert not bans.is_banned("203.0.113.7")
        proxy.resume()
        eventually(lambda: bans.error is None, 20.0)
        assert bans.age_seconds < 2.0
