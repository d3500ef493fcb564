"""The server is down, or has no free connection."""

from collections.abc import Generator
from contextlib import ExitStack
from time import monotonic

import psycopg
import pytest

from oadb.errors import OutcomeUnknownError, PoolTimeoutError, UnavailableError
from oadb.testing.control import ServerControl
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, connecting, eventually, threads

pytestmark = pytest.mark.fault


@pytest.mark.parametrize(
    ("mode", "seconds"),
    [
        ("sync", 6.0),
        pytest.param("sync", 20.0, marks=pytest.mark.slow),
        pytest.param("async", 20.0, marks=pytest.mark.slow),
    ],
)
@pytest.mark.holds("F8", "I1", "I2", "I3", "I4", "I5", "I7")
def test_calls_fail_fast_in_an_outage_and_succeed_at_once_after_it(
    victim: ServerControl, observer: Observer, mode: str, seconds: float
) -> None:
    with connecting(mode, victim.url) as connect:
        endure_an_outage(connect(pool_size=8, max_overflow=0), victim, observer, seconds)


def endure_an_outage(db: Db, victim: ServerControl, observer: Observer, seconds: float) -> None:
    traffic = Traffic(db)
    with traffic.running(readers=4, transactors=2, writers=2):
        victim.stop()
        stopped = monotonic()
        eventually(lambda: monotonic() - stopped > seconds, seconds=seconds + 1)
        refused = one_refusal(db)
        victim.start()
        started = monotonic()
        eventually(lambda: traffic.last_success > started)
        recovered = traffic.last_success - started

    assert refused < 1, "later calls fail at once"
    assert recovered < 2
    assert traffic.slowest < 8
    errors = [error for errors in traffic.errors.values() for error in errors]
    assert errors
    assert {type(error) for error in errors} <= {UnavailableError, OutcomeUnknownError}
    traffic.errors.update(read=[], transact=[])
    traffic.check(observer)
    traffic.settles(8)


def one_refusal(db: Db) -> float:
    started = monotonic()
    with pytest.raises(UnavailableError, match="cannot connect to"):
        probes.one(db)
    return monotonic() - started


@pytest.fixture
def full() -> Generator[ExitStack]:
    """Hold all free connections of the server until this is closed."""
    with ExitStack() as stack:
        yield stack


def take_all(url: str, stack: ExitStack) -> int:
    """Connect until the server refuses; return the number of connections."""
    taken = 0
    while True:
        try:
            connection = psycopg.connect(url)
        except psycopg.OperationalError:
            return taken
        stack.callback(connection.close)
        taken += 1


@pytest.mark.holds("F26", "I4", "I5")
def test_a_full_server_keeps_its_clients_and_serves_others_when_it_can(
    connect: Connect, url: str, full: ExitStack
) -> None:
    inside = connect(pool_size=2, max_overflow=8, pool_timeout_seconds=30.0)
    inside.open()
    eventually(lambda: inside.stats().idle >= 2)
    outside = connect(pool_size=2)
    taken = take_all(url, full)

    assert taken > 50
    with threads(8) as pool:
        assert list(pool.map(lambda n: probes.echo(inside, n), range(200))) == list(range(200))
    with pytest.raises(UnavailableError, match="too many clients"):
        connect(pool_size=1).open()
    with threads(1) as pool:
        waiting = pool.submit(probes.one, outside)
        eventually(lambda: outside.stats().waiting)
        assert not waiting.done()
        full.close()

        assert waiting.result() == 1
    with threads(8) as pool:
        assert list(pool.map(lambda _: probes.pause(inside, 0.05), range(16))) == [1] * 16
    eventually(lambda: inside.stats().leased == 0)


@pytest.mark.holds("F27", "I3", "I7")
def test_slow_queries_exhaust_the_pool_and_nothing_else(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=2, max_overflow=0, pool_timeout_seconds=0.6)
    with threads(24) as pool:
        slow = [pool.submit(probes.pause, db, 1.8) for _ in range(2)]
        eventually(lambda: observer.running("pg_sleep") == 2)
        calls = [pool.submit(timed, db) for _ in range(20)]
        outcomes = [call.result() for call in calls]

        assert observer.running("pg_sleep") == 2, "a refused call sends nothing to the server"
        assert db.stats().leased == 2
        assert [call.result() for call in slow] == [1, 1]

    errors = [error for error, _ in outcomes]
    assert {type(error) for error in errors} == {PoolTimeoutError}
    assert max(took for _, took in outcomes) < 1.6
    assert all("no connection in 0." in str(error) for error in errors)
    assert all("longest by probe.pause" in str(error) for error in errors)
    assert probes.one(db) == 1


def timed(db: Db) -> tuple[Exception | None, float]:
    started = monotonic()
    error = None
    try:
        probes.one(db)
    except UnavailableError as raised:
        error = raised
    return error, monotonic() - started


@pytest.mark.holds("F27")
def test_transact_does_not_queue_again_when_the_pool_is_exhausted(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0, pool_timeout_seconds=0.5)
    with db.transaction():
        started = monotonic()
        with pytest.raises(PoolTimeoutError):
            db.transact(probes.one)

        assert monotonic() - started < 1.2
