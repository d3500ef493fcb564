"""Which idle connections are used; the others are replaced."""

import gc
import logging
import re

import pytest

from oadb.errors import UnavailableError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.log_records import logged
from tests.support.rig import Connect, Db, Observer, eventually, idle_connections


def filled(db: Db, size: int) -> Db:
    db.open()
    eventually(lambda: db.stats().idle == size)
    return db


def age(db: Db, seconds: float) -> None:
    """Make the idle connections of *db* older by *seconds*."""
    for connection in idle_connections(db):
        connection.state.expires -= seconds


def test_an_expired_connection_is_not_used(connect: Connect) -> None:
    db = filled(connect(pool_size=1, max_overflow=0, pool_recycle_seconds=60.0), 1)
    before = probes.backend(db)
    age(db, 60.0)
    after = probes.backend(db)

    assert after != before
    assert db.stats().stale_replaced == 1
    assert probes.backend(db) == after


def test_a_connection_is_replaced_after_pool_recycle_seconds(connect: Connect) -> None:
    db = filled(connect(pool_size=1, max_overflow=0, pool_recycle_seconds=0.2), 1)
    before = probes.backend(db)

    eventually(lambda: probes.backend(db) != before, seconds=2)


def test_a_connection_that_has_not_expired_is_used_again(connect: Connect) -> None:
    db = filled(connect(pool_size=1, max_overflow=0, pool_recycle_seconds=60.0), 1)
    before = probes.backend(db)
    age(db, 50.0)

    assert probes.backend(db) == before


def test_without_a_limit_no_connection_expires(connect: Connect) -> None:
    db = filled(connect(pool_size=1, max_overflow=0, pool_recycle_seconds=float("inf")), 1)
    before = probes.backend(db)
    age(db, 1e9)

    assert probes.backend(db) == before


def test_connections_made_together_do_not_expire_together(connect: Connect) -> None:
    db = filled(connect(pool_size=8, max_overflow=0, pool_recycle_seconds=1000.0), 8)
    expiries = [connection.state.expires for connection in idle_connections(db)]

    assert max(expiries) - min(expiries) > 1


def test_dead_connections_are_replaced_before_a_call_uses_them(
    connect: Connect, observer: Observer
) -> None:
    db = filled(connect(pool_size=4, max_overflow=0), 4)
    observer.terminate()

    assert probes.put(db, 1, "a write, which is never repeated") == 1
    assert db.stats().stale_replaced == 4


def test_the_liveness_test_costs_no_round_trip(connect: Connect, proxy: Proxy) -> None:
    db = filled(connect(proxy.url, pool_size=1, max_overflow=0), 1)
    probes.one(db)
    round_trips, sent = proxy.round_trips, proxy.bytes_sent
    probes.one(db)
    once = proxy.bytes_sent - sent
    for _ in range(9):
        probes.one(db)

    assert proxy.round_trips - round_trips == 10
    assert proxy.bytes_sent - sent == 10 * once


def test_finding_a_dead_connection_sends_nothing_on_it(connect: Connect, proxy: Proxy) -> None:
    db = filled(connect(proxy.url, pool_size=2, max_overflow=0), 2)
    proxy.refuse()
    proxy.cut()
    sent = proxy.bytes_sent
    with pytest.raises(UnavailableError):
        db.open()

    assert proxy.bytes_sent == sent


def test_without_pre_ping_a_dead_connection_is_used(connect: Connect, observer: Observer) -> None:
    db = filled(connect(pool_size=1, max_overflow=0, pool_pre_ping=False), 1)
    observer.terminate()

    assert probes.one(db) == 1, "a read is run again"
    assert db.stats().stale_replaced == 0


def test_a_pending_notification_does_not_end_a_connection(
    connect: Connect, observer: Observer
) -> None:
    db = filled(connect(pool_size=1, max_overflow=0), 1)
    before = probes.backend(db)
    listen(db)
    observer.rows("notify probe, 'hello'")
    eventually(lambda: db.stats().idle == 1)

    assert probes.backend(db) == before
    assert db.stats().stale_replaced == 0


def listen(db: Db) -> None:
    """Listen on the only idle connection of *db*, which services must not do."""
    [connection] = idle_connections(db)
    loop = getattr(db, "loop", None)
    if loop is None:
        connection.execute("listen probe")
    else:
        loop.wait_for(connection.execute("listen probe"))


@pytest.mark.holds("F28")
def test_a_leaked_transaction_is_closed_and_logged_with_its_origin(
    connect: Connect, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    db = connect(pool_size=1, max_overflow=0, pool_timeout_seconds=5.0)
    leak_a_transaction(db)
    gc.collect()
    with caplog.at_level(logging.ERROR, "oadb.pool"):
        assert probes.one(db) == 1

    assert db.stats().leaked == 1
    assert db.stats().leased == 0
    assert observer.ask("select count(*) from probe") == 0
    [record] = logged(caplog, "oadb.pool")
    assert "a transaction" in record.getMessage()
    assert "garbage collected" in record.getMessage()
    assert re.search("in (leak_a_transaction|enter_and_put)", record.getMessage())


def leak_a_transaction(db: Db) -> None:
    """Enter a transaction, write in it, and never leave it."""
    loop = getattr(db, "loop", None)
    if loop is None:
        transaction = db.transaction()
        probes.put(transaction.__enter__(), 1, "lost")
    else:
        inner = db.inner.transaction()  # type: ignore[union-attr]  # it has a loop
        loop.wait_for(enter_and_put(inner))


async def enter_and_put(transaction: object) -> None:
    await transaction.__aenter__()  # type: ignore[attr-defined]  # a transaction
    await probes.put(transaction, 1, "lost")  # type: ignore[call-overload]  # a transaction


def test_an_ended_transaction_is_not_reported_as_leaked(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with db.transaction() as tx:
        probes.put(tx, 1, "kept")
    del tx
    gc.collect()

    assert probes.count_all(db) == 1
    assert db.stats().leaked == 0
    assert "garbage collected" not in caplog.text
