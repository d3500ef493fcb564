"""Connecting: the settings of a new connection, and the errors if there is none."""

import socket
from collections.abc import Generator
from contextlib import closing, contextmanager
from time import monotonic
from urllib.parse import urlsplit

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.database import AsyncDatabase, Database
from oadb.errors import UnavailableError
from oadb.testing.control import ServerControl, controlled
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.rig import MODES, Connect, Observer, config, connecting, eventually

SECRET = "tiger-lily"  # the password that no message may show


@contextmanager
def silent_port() -> Generator[int]:
    """Give a port on which the kernel accepts connections and nothing answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def refused_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
    return port


def failure(connect: Connect, url: str) -> tuple[str, float]:
    """Open a database that cannot be reached; return the error's text and the seconds it took."""
    db = connect(url)
    started = monotonic()
    with pytest.raises(UnavailableError) as caught:
        db.open()
    took = monotonic() - started
    return str(caught.value), took


def test_a_refused_port_is_named_at_once_and_the_password_is_not(connect: Connect) -> None:
    port = refused_port()
    text, took = failure(connect, f"postgresql://app:{SECRET}@127.0.0.1:{port}/shop")

    assert took < 1.5
    assert f"app@127.0.0.1:{port}/shop" in text
    assert "refused" in text
    assert SECRET not in text


def test_an_unknown_database_is_named_at_once(connect: Connect, url: str) -> None:
    unknown = urlsplit(url)._replace(path="/no_such_place").geturl()
    text, took = failure(connect, unknown)

    assert took < 1.5
    assert 'database "no_such_place" does not exist' in text


def test_an_unknown_host_is_named(connect: Connect) -> None:
    text, took = failure(connect, f"postgresql://app:{SECRET}@no-such-host.invalid/shop")

    assert took < 5
    assert "app@no-such-host.invalid:5432/shop" in text
    assert SECRET not in text


@pytest.mark.long("waits for a timeout of whole seconds")
@pytest.mark.holds("F41")
def test_a_silent_host_is_given_up_after_connect_timeout() -> None:
    with silent_port() as port:
        silent = f"postgresql://app:{SECRET}@127.0.0.1:{port}/shop?connect_timeout=2"
        with connecting("sync", silent) as connect:
            text, took = failure(connect, silent)

    assert 1.5 < took < 5
    assert f"127.0.0.1:{port}" in text
    assert SECRET not in text


@pytest.fixture(scope="module")
def guarded() -> Generator[ServerControl]:
    """Give a server where the role ``app`` needs its password."""
    with controlled() as server:
        observer = Observer(server.url)
        observer.rows(f"create role app login password '{SECRET}'")
        rules = r"local all app scram-sha-256\nlocal all all trust"
        place = observer.ask("show hba_file")
        observer.rows(f"copy (select 1 where false) to '{place}'")
        observer.rows(
            f"copy (values (E'{rules}')) to program 'printf \"%b\\n\" \"$(cat)\" > {place}'"
        )
        observer.rows("select pg_reload_conf()")
        eventually(lambda: locked_out(server))
        yield server


def locked_out(server: ServerControl) -> bool:
    try:
        psycopg.connect(server.url, user="app", password="wrong").close()
    except psycopg.OperationalError:
        return True
    return False


def as_app(server: ServerControl, password: str) -> str:
    parts = urlsplit(server.url)
    return parts._replace(netloc=f"app:{password}@").geturl()


@pytest.mark.holds("I6")
@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_password_is_reported_at_once_and_not_shown(
    guarded: ServerControl, mode: str
) -> None:
    with connecting(mode, as_app(guarded, "not-the-password")) as connect:
        text, took = failure(connect, as_app(guarded, "not-the-password"))

    assert took < 1.5
    assert 'password authentication failed for user "app"' in text
    assert "not-the-password" not in text


@pytest.mark.parametrize("mode", MODES)
def test_the_right_password_is_accepted(guarded: ServerControl, mode: str) -> None:
    with connecting(mode, as_app(guarded, SECRET)) as connect:
        assert probes.one(connect()) == 1


def test_a_database_that_could_not_be_opened_can_be_opened_later(
    connect: Connect, url: str
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        proxy.refuse()
        db = connect(proxy.url)
        with pytest.raises(UnavailableError, match="refused"):
            db.open()
        proxy.accept()
        db.open()

        assert probes.one(db) == 1


def test_entering_a_database_that_cannot_be_reached_raises() -> None:
    unreachable = config(f"postgresql://app@127.0.0.1:{refused_port()}/shop")
    with pytest.raises(UnavailableError, match="refused"), Database(unreachable):
        pass


async def test_entering_an_async_database_that_cannot_be_reached_raises() -> None:
    unreachable = config(f"postgresql://app@127.0.0.1:{refused_port()}/shop")
    with pytest.raises(UnavailableError, match="refused"):
        async with AsyncDatabase(unreachable):
            pass


def test_the_limits_reach_the_server(connect: Connect) -> None:
    db = connect(
        statement_timeout_seconds=7.0,
        lock_timeout_seconds=1.5,
        idle_in_transaction_timeout_seconds=0.0,
    )

    assert probes.setting(db, "statement_timeout") == "7s"
    assert probes.setting(db, "lock_timeout") == "1500ms"
    assert probes.setting(db, "idle_in_transaction_session_timeout") == "0"


def test_options_of_the_url_take_precedence_over_the_limits(connect: Connect, url: str) -> None:
    db = connect(f"{url}&options=-c%20statement_timeout%3D3s", statement_timeout_seconds=7.0)

    assert probes.setting(db, "statement_timeout") == "3s"


def test_a_connection_has_the_name_of_its_application(connect: Connect, url: str) -> None:
    assert probes.setting(connect(), "application_name").startswith("oadb/")
    named = connect(f"{url}&application_name=orders")
    assert probes.setting(named, "application_name") == "orders"


def test_a_statement_that_takes_too_long_is_ended_and_not_repeated(connect: Connect) -> None:
    db = connect(statement_timeout_seconds=0.3)
    started = monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled, match=r"probe\.pause"):
        probes.pause(db, 5.0)

    assert monotonic() - started < 1.5
    assert probes.one(db) == 1


@pytest.mark.holds("F36")
def test_waiting_for_a_lock_ends_after_the_lock_timeout(connect: Connect) -> None:
    db = connect(lock_timeout_seconds=0.2)
    probes.put(db, 1, "one")
    with db.transaction() as holder:
        probes.bump(holder, 1)
        with pytest.raises(psycopg.errors.LockNotAvailable, match=r"probe\.bump"):
            probes.bump(db, 1)

    assert probes.amount(db, 1) == 1


def test_an_idle_transaction_is_ended_by_the_server(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=1, max_overflow=0, idle_in_transaction_timeout_seconds=0.3)

    def sleep_in_it() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "lost")
            eventually(lambda: not observer.backends("idle in transaction"), seconds=2)
            probes.one(tx)

    with pytest.raises(UnavailableError, match="nothing was changed"):
        sleep_in_it()
    assert probes.count_all(db) == 0
