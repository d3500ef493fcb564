"""PgBouncer is paused, told to reconnect, and restarted; the server behind it restarts."""

from collections.abc import Generator
from time import monotonic

import pytest

from oadb.errors import OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.pgbouncer import Bouncer, bouncing, needs_pgbouncer
from tests.support.rig import Connect, Db, Observer, eventually, threads

pytestmark = [pytest.mark.fault, needs_pgbouncer]

_RETRY = 1  # seconds: server_login_retry


@pytest.fixture
def pooler(url: str) -> Generator[Bouncer]:
    with bouncing(url, server_login_retry=_RETRY) as pooler:
        yield pooler


@pytest.fixture
def db(connect: Connect, pooler: Bouncer) -> Db:
    return connect(
        pooler.url, pooler="pgbouncer", pool_size=4, max_overflow=0, call_deadline_seconds=2.0
    )


def answers(db: Db) -> bool:
    try:
        return probes.one(db) == 1
    except UnavailableError:
        return False


@pytest.mark.holds("F42")
def test_calls_wait_while_the_pooler_is_paused_and_go_on_when_it_resumes(
    db: Db, pooler: Bouncer
) -> None:
    assert probes.one(db) == 1
    pooler.command("pause")
    with threads(8) as pool:
        writes = [pool.submit(probes.put, db, number, "row") for number in range(8)]
        paused = monotonic()
        eventually(lambda: monotonic() - paused > 0.5)
        assert not any(write.done() for write in writes)
        pooler.command("resume")
        assert [write.result() for write in writes] == [1] * 8


@pytest.mark.holds("F42", "I3", "I7")
def test_calls_that_wait_for_a_paused_pooler_beyond_their_deadline_end_with_what_is_known(
    connect: Connect, pooler: Bouncer
) -> None:
    db = connect(
        pooler.url, pooler="pgbouncer", pool_size=1, max_overflow=0, call_deadline_seconds=0.5
    )
    assert probes.one(db) == 1
    pooler.command("pause")
    started = monotonic()
    with pytest.raises(UnavailableError, match="before the deadline"):
        probes.one(db)
    with pytest.raises(OutcomeUnknownError, match="deadline passed"):
        probes.put(db, 1, "row")
    assert monotonic() - started < 3.0
    with pytest.raises(UnavailableError, match="before the deadline"):
        db.transact(probes.one)  # several attempts, in 5 s at most
    assert monotonic() - started < 10.0
    pooler.command("resume")
    eventually(lambda: answers(db))


@pytest.mark.holds("F42", "I1", "I2")
def test_traffic_does_not_notice_that_the_pooler_reconnects(
    db: Db, pooler: Bouncer, observer: Observer
) -> None:
    traffic = Traffic(db)
    with traffic.running(readers=3, transactors=3, writers=3):
        before = observer.backends()
        pooler.command("reconnect")
        eventually(lambda: not set(before) & set(observer.backends()))
        traffic.flows()

    assert traffic.errors == {"read": [], "transact": [], "write": []}
    traffic.check(observer)


@pytest.mark.holds("F42")
def test_an_idle_pool_does_not_notice_that_the_pooler_was_restarted(
    db: Db, pooler: Bouncer
) -> None:
    assert probes.one(db) == 1
    pooler.stop()
    pooler.start()

    assert probes.put(db, 1, "a write is not repeated, so it met no dead connection") == 1


@pytest.mark.holds("F42", "I1", "I2", "I4", "I5", "I7")
def test_reads_and_transact_do_not_notice_that_the_pooler_restarts(
    db: Db, pooler: Bouncer, observer: Observer
) -> None:
    traffic = Traffic(db)
    with traffic.running(readers=3, transactors=3, writers=3):
        pooler.stop()
        pooler.start()
        traffic.flows()

    traffic.set_aside_lost_commits()
    traffic.check(observer)
    traffic.settles(4)


@pytest.mark.holds("F42")
def test_a_pooler_takes_calls_again_soon_after_the_server_was_down(
    db: Db, victim: ServerControl
) -> None:
    assert probes.one(db) == 1
    victim.stop()
    with pytest.raises(UnavailableError):
        probes.one(db)
    with pytest.raises(UnavailableError):
        db.transact(probes.one)
    with pytest.raises(OutcomeUnknownError):
        probes.put(db, 1, "row")
    victim.start()
    started = monotonic()
    eventually(lambda: answers(db))
    assert monotonic() - started < _RETRY + 3.0
