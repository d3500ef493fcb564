"""Packets vanish between client and server: no end of file, no reset, no answer."""

from collections.abc import Callable, Generator
from time import monotonic
from typing import Any

import pytest

from oadb.engine.pool.connections import looks_alive
from oadb.errors import OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl
from tests.support import pool_probes as probes
from tests.support.network import Network, network
from tests.support.rig import (
    Connect,
    Db,
    Observer,
    connecting,
    create_tables,
    eventually,
    idle_connections,
    threads,
)

pytestmark = pytest.mark.fault

# So that the kernel of the client notices within 3 s, in place of 9.
_QUICK = {
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "tcp_user_timeout": "2000",
}

# Seconds within which a server ends the session of a client that vanished: 10, and a margin.
_SERVER_NOTICES = 15.0


@pytest.fixture(scope="module")
def net() -> Generator[Network]:
    with network() as net:
        yield net


@pytest.fixture(scope="module")
def server(net: Network) -> Generator[ServerControl]:
    with net.serving() as server:
        create_tables(server.url)
        yield server


@pytest.fixture
def link(net: Network) -> Generator[Network]:
    """Give the link to the server, which loses nothing before and after the test."""
    yield net
    net.find()


@pytest.fixture
def observer(server: ServerControl) -> Observer:
    """Give an observer beside the link, on the Unix socket."""
    observer = Observer(server.url)
    observer.terminate()
    observer.rows("truncate probe, child")
    return observer


@pytest.fixture
def url(link: Network, server: ServerControl, observer: Observer) -> str:
    """Give the DATABASE_URL across the link."""
    assert observer.backends() == []
    return link.url(server)


def timed(call: Callable[[], object]) -> tuple[Exception | None, float]:
    """Return the error of a call, and the seconds that it took."""
    started = monotonic()
    try:
        call()
    except Exception as error:  # noqa: BLE001  # its class is checked by the test
        return error, monotonic() - started
    return None, monotonic() - started


def lost_while_running(
    call: Callable[[], object], link: Network, observer: Observer, within: float
) -> Exception:
    """Lose all packets while *call* runs; return its error, raised *within* seconds."""
    with threads(1) as pool:
        calling = pool.submit(timed, call)
        eventually(lambda: observer.running("pg_sleep"))
        link.lose()
        try:
            error, _ = calling.result(within)
        except TimeoutError:  # let it end, and the test fail
            link.find()
            observer.terminate()
            raise
    assert error is not None
    return error


def within(db: Db, seconds: float) -> Any:
    return db.within(seconds)


def answers(db: Db) -> bool:
    return timed(lambda: probes.one(db))[0] is None


@pytest.mark.holds("F18", "I3", "I4", "I7")
def test_a_statement_whose_packets_vanish_ends_at_its_deadline_and_the_pool_heals(
    connect: Connect, link: Network, observer: Observer
) -> None:
    db = connect(pool_size=1, max_overflow=0, call_deadline_seconds=1.0)
    assert probes.one(db) == 1

    error = lost_while_running(lambda: probes.pause(db, 10.0), link, observer, within=3.0)
    assert isinstance(error, UnavailableError)
    assert "before the deadline" in str(error)
    error, took = timed(lambda: probes.one(within(db, 1.0)))
    assert isinstance(error, UnavailableError)
    assert took < 2.0

    link.find()
    started = monotonic()
    eventually(lambda: answers(db))
    assert monotonic() - started < 5.0


@pytest.mark.holds("F18", "I7")
def test_keepalives_end_a_statement_without_a_deadline(
    connect: Connect, link: Network, server: ServerControl, observer: Observer
) -> None:
    db = connect(
        link.url(server, **_QUICK),
        pool_size=1,
        max_overflow=0,
        statement_timeout_seconds=0.0,
        call_deadline_seconds=0.0,
    )
    error = lost_while_running(lambda: probes.put_slowly(db, 1, 60.0), link, observer, within=8.0)
    assert isinstance(error, OutcomeUnknownError)


@pytest.mark.holds("F19", "I4", "I5")
def test_idle_connections_whose_packets_vanished_are_replaced_before_they_are_used(
    connect: Connect, link: Network, server: ServerControl, observer: Observer
) -> None:
    db = connect(link.url(server, **_QUICK), pool_size=3, max_overflow=0)
    db.open()
    eventually(lambda: db.stats().idle == 3)
    assert probes.put(db, 1, "before") == 1
    before = observer.backends()
    link.lose()
    eventually(lambda: not any(looks_alive(each) for each in idle_connections(db)))
    link.find()

    error, took = timed(lambda: probes.put(db, 2, "a write is not repeated: it met none of them"))
    assert error is None
    assert took < 5.0
    eventually(lambda: db.stats().idle == db.stats().size == 3)
    observer.terminate(*before)
    assert probes.put(db, 3, "none of them is left in the pool") == 1


@pytest.mark.holds("F19", "I3", "I4")
def test_a_read_is_served_although_the_sessions_of_idle_connections_ended_meanwhile(
    connect: Connect, link: Network, observer: Observer
) -> None:
    db = connect(pool_size=3, max_overflow=0, call_deadline_seconds=2.0)
    db.open()
    eventually(lambda: db.stats().idle == 3)
    link.lose()
    observer.terminate()
    assert all(looks_alive(each) for each in idle_connections(db)), "nothing told the client"
    link.find()

    error, took = timed(lambda: probes.one(db))
    assert error is None
    assert took < 5.0


def hold_and_vanish(
    db: Db, link: Network, meanwhile: Callable[[], None], *, settled: bool = False
) -> None:
    """Lock a row in a transaction, lose all packets, and end it after *meanwhile*.

    Unless it has *settled*, the server does not know yet that its last answer arrived.
    """
    with db.transaction() as tx:
        probes.bump(tx, 1)
        if settled:
            eventually(link.has_settled)
        link.lose()
        meanwhile()


def takes_the_row(observer: Observer, seconds: float) -> None:
    """Write the row that a vanished client has locked, within *seconds*."""
    update = "update probe set amount = amount + 10 where probe_id = 1"
    observer.rows(f"set local lock_timeout = '{seconds}s'; {update}")


@pytest.mark.holds("F20", "I4", "I7")
def test_a_row_that_a_vanished_client_locked_is_free_after_the_idle_limit(
    connect: Connect, link: Network, observer: Observer
) -> None:
    db = connect(
        pool_size=1,
        max_overflow=0,
        idle_in_transaction_timeout_seconds=1.0,
        call_deadline_seconds=1.0,
    )
    probes.put(db, 1, "row")
    with pytest.raises(OutcomeUnknownError, match="commit"):
        hold_and_vanish(db, link, lambda: takes_the_row(observer, 3.0))
    assert observer.ask("select amount from probe") == 10, "its transaction was rolled back"


@pytest.mark.holds("F20")
def test_a_row_that_a_client_without_an_idle_limit_locked_is_free_when_the_server_notices(
    url: str, link: Network, observer: Observer
) -> None:
    with connecting("sync", url) as connect:
        db = connect(
            pool_size=1,
            max_overflow=0,
            idle_in_transaction_timeout_seconds=0.0,
            call_deadline_seconds=1.0,
        )
        probes.put(db, 1, "row")
        with pytest.raises(OutcomeUnknownError, match="commit"):
            hold_and_vanish(
                db, link, lambda: takes_the_row(observer, _SERVER_NOTICES), settled=True
            )


@pytest.mark.holds("F21")
def test_a_long_statement_of_a_vanished_client_ends_when_the_server_notices(
    url: str, link: Network, observer: Observer
) -> None:
    with connecting("sync", url) as connect:
        db = connect(
            pool_size=1,
            max_overflow=0,
            statement_timeout_seconds=0.0,
            call_deadline_seconds=1.0,
        )
        error = lost_while_running(
            lambda: probes.put_slowly(db, 1, 60.0), link, observer, within=3.0
        )
        assert isinstance(error, OutcomeUnknownError)
        eventually(lambda: observer.running("pg_sleep") == 0, _SERVER_NOTICES)
        assert observer.ask("select count(*) from probe") == 0


@pytest.mark.holds("F21")
def test_a_long_statement_of_a_vanished_client_ends_at_its_limit(
    connect: Connect, link: Network, observer: Observer
) -> None:
    db = connect(
        pool_size=1, max_overflow=0, statement_timeout_seconds=2.0, call_deadline_seconds=1.0
    )
    lost_while_running(lambda: probes.put_slowly(db, 1, 60.0), link, observer, within=3.0)
    eventually(lambda: observer.running("pg_sleep") == 0, 4.0)
