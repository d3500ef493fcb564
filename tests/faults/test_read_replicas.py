"""db.reads() with a physical standby: it lags, stops, is promoted, and ends what is in its way."""

import random
from collections.abc import Generator
from time import monotonic
from urllib.parse import quote

import psycopg
import pytest

from oadb.engine import dsn
from oadb.errors import OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl
from tests.support import pool_probes as probes
from tests.support.replication import standby_of
from tests.support.rig import Connect, Db, Observer, eventually, threads

pytestmark = pytest.mark.fault

# Slow ones run sync alone: what they test is no matter of threads or tasks.
ONCE = pytest.mark.parametrize("connect", ["sync"], indirect=True)


@pytest.fixture(scope="module")
def replica(victim: ServerControl) -> Generator[ServerControl]:
    victim.start()
    with standby_of(victim) as standby:
        # It looks for a primary that was restarted every 5 s otherwise.
        Observer(standby.url).ask("alter system set wal_retrieve_retry_interval = '100ms'")
        Observer(standby.url).ask("select pg_reload_conf()")
        yield standby


@pytest.fixture
def standby(url: str, replica: ServerControl) -> Generator[Observer]:
    """Give an observer of the replica, which has replayed everything and goes on at the end."""
    replica.start()
    seen = Observer(replica.url)
    written = Observer(url).ask("select pg_current_wal_lsn()::text")
    eventually(lambda: seen.ask("select pg_last_wal_replay_lsn() >= %s::pg_lsn", written), 30)
    yield seen
    seen.ask("select pg_wal_replay_resume()")


@pytest.fixture
def db(connect: Connect, replica: ServerControl, standby: Observer) -> Db:
    assert standby
    return reading(connect, replica)


def reading(connect: Connect, *replicas: ServerControl, url: str = "", **settings: float) -> Db:
    hosts = tuple(dsn.parse_hosts(each.url)[0] for each in replicas)
    given = (url,) if url else ()
    return connect(*given, read_hosts=hosts, pool_size=2, read_pool_size=2, **settings)


@pytest.mark.holds("F52")
def test_a_read_sees_what_was_written_before_however_replay_pauses(
    connect: Connect, replica: ServerControl, standby: Observer
) -> None:
    db = reading(connect, replica, read_wait_seconds=0.02)
    random.seed(23)
    pauses = 0
    for number in range(200):
        if random.random() < 0.1:  # not secret
            pauses += 1
            standby.ask("select pg_wal_replay_pause()")
        if random.random() < 0.2:
            standby.ask("select pg_wal_replay_resume()")
        probes.put(db, number, "row")
        assert probes.get(db.reads(), number) == probes.Probe(number, "row", 0)

    stats = db.read_stats()
    assert pauses
    assert stats.behind
    assert stats.replicas[0].reads
    assert stats.replicas[0].reads + stats.primary_reads == 200


def test_what_another_process_has_committed_is_seen_by_its_point(
    connect: Connect, db: Db, url: str, standby: Observer
) -> None:
    writer = connect(url)
    probes.count_all(db.reads())
    standby.ask("select pg_wal_replay_pause()")
    probes.put(writer, 1, "a")
    point = writer.committed()

    assert probes.count_all(db.reads()) == 0
    assert probes.count_all(db.reads(after=point)) == 1
    with db.reads(after=point).transaction() as tx:
        assert probes.notes(tx) == ["a"]
    assert [*probes.numbers(db.reads(after=point), 2)] == [1, 2]
    assert db.read_stats().primary_reads == 3

    probes.put(db, 2, "b")
    assert probes.count_all(db.reads(own_writes=False)) == 0
    standby.ask("select pg_wal_replay_resume()")
    eventually(lambda: probes.count_all(db.reads(own_writes=False)) == 2)


@ONCE
def test_reads_go_on_while_the_primary_is_down_and_ask_it_nothing(
    db: Db, victim: ServerControl, standby: Observer
) -> None:
    assert standby
    probes.put(db, 1, "a")
    assert probes.notes(db.reads()) == ["a"]
    victim.stop("immediate")
    try:
        until = monotonic() + 1.3
        while monotonic() < until:
            assert probes.notes(db.reads()) == ["a"]
    finally:
        victim.start()
    assert db.read_stats().primary_reads == 0


@pytest.mark.holds("F52")
@ONCE
def test_a_replica_that_is_too_far_behind_is_out_until_it_has_caught_up(
    connect: Connect, replica: ServerControl, standby: Observer
) -> None:
    db = reading(connect, replica, read_wait_seconds=0.0, read_max_lag_seconds=0.5)
    reads = db.reads(own_writes=False)
    numbers = iter(range(1_000_000))

    def is_out() -> bool:
        probes.put(db, next(numbers), "a")
        probes.one(reads)
        return "behind, beyond DB_READ_MAX_LAG" in db.read_stats().replicas[0].out

    assert not is_out()
    standby.ask("select pg_wal_replay_pause()")
    eventually(is_out, 15)
    before = db.read_stats().primary_reads
    assert probes.one(reads) == 1
    assert db.read_stats().primary_reads == before + 1
    standby.ask("select pg_wal_replay_resume()")
    eventually(lambda: not is_out(), 15)


@ONCE
def test_a_replica_that_stops_loses_no_read_and_comes_back(
    db: Db, replica: ServerControl, standby: Observer
) -> None:
    assert standby
    assert probes.one(db.reads()) == 1
    replica.stop("immediate")
    assert [probes.one(db.reads()) for _ in range(20)] == [1] * 20
    assert "cannot connect" in db.read_stats().replicas[0].out
    replica.start()
    eventually(lambda: probes.one(db.reads()) and not db.read_stats().replicas[0].out)


@ONCE
def test_a_read_that_replay_must_end_fails_with_an_error_that_exists(
    db: Db, url: str, standby: Observer
) -> None:
    for number in range(100):
        probes.put(db, number, "a")
    standby.ask("alter system set max_standby_streaming_delay = 0")
    standby.ask("select pg_reload_conf()")
    eventually(lambda: standby.ask("show max_standby_streaming_delay") == "0")

    def read_while_its_rows_are_removed() -> None:
        with db.reads().transaction(isolation="repeatable read") as tx:
            assert probes.count_all(tx) == 100
            primary = Observer(url)
            primary.ask("delete from public.probe")
            primary.ask("vacuum public.probe")
            replayed = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            end = primary.ask("select pg_current_wal_lsn()::text")
            eventually(lambda: standby.ask(replayed, end))
            assert probes.ids(tx)

    with pytest.raises((psycopg.errors.SerializationFailure, UnavailableError)):
        read_while_its_rows_are_removed()
    assert probes.count_all(db.reads(own_writes=False)) == 0


def test_a_write_to_a_url_that_takes_standbys_is_refused_at_once(
    connect: Connect, replica: ServerControl, standby: Observer
) -> None:
    assert standby
    db = connect(f"{replica.url}&target_session_attrs=any", pool_size=1, max_overflow=0)
    probes.one(db)
    began = monotonic()
    for write in (probes.put, lambda *row: db.transact(lambda tx: probes.put(tx, *row))):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            write(db, 1, "a") if write is probes.put else write(1, "a")
    assert monotonic() - began < 0.2
    assert db.stats().stale_replaced == 0
    assert probes.one(db) == 1


@pytest.fixture
def pair(victim: ServerControl, url: str, replica: ServerControl) -> Generator[ServerControl]:
    """Give a standby without which the primary acknowledges nothing; at the end this is alone."""
    observer = Observer(url)
    replica.stop()  # it could acknowledge what the other lacks
    with standby_of(victim) as standby:
        try:
            observer.ask("alter system set synchronous_standby_names = '*'")
            observer.ask("select pg_reload_conf()")
            states = "select array_agg(sync_state) = '{sync}' from pg_stat_replication"
            eventually(lambda: observer.ask(states))
            yield standby
        finally:
            (victim.data / "postgresql.auto.conf").write_text("")
            victim.start()
            Observer(victim.url).ask("select pg_reload_conf()")


@pytest.mark.holds("F39")
@ONCE
def test_no_acknowledged_write_is_lost_when_a_standby_is_promoted(
    connect: Connect, victim: ServerControl, pair: ServerControl
) -> None:
    both = (victim, pair)
    hosts, ports = (
        ",".join(each.server.keywords[name] for each in both) for name in ("host", "port")
    )
    url = f"postgresql://postgres@/postgres?host={quote(hosts)}&port={ports}"
    db = reading(connect, pair, url=url)
    acknowledged: list[int] = []

    def write(number: int) -> None:
        try:
            probes.put(db, number, "row")
        except (OutcomeUnknownError, UnavailableError):
            return
        acknowledged.append(number)

    with threads(2) as pool:
        jobs = [pool.submit(write, number) for number in range(60)]
        eventually(lambda: len(acknowledged) > 20)
        victim.kill()
        assert Observer(pair.url).ask("select pg_promote()")
        for job in jobs:
            job.result()
    eventually(lambda: _is_written(db))

    assert {*acknowledged} <= {*probes.ids(db)}
    assert {*acknowledged} <= {*probes.ids(db.reads())}
    eventually(lambda: probes.one(db.reads()) and not db.read_stats().replicas[0].out)
    assert db.read_stats().replicas[0].is_standby is False


def _is_written(db: Db) -> bool:
    try:
        return probes.put(db, 1_000, "after") == 1
    except (OutcomeUnknownError, UnavailableError):
        return False
    except psycopg.errors.UniqueViolation:
        return True
