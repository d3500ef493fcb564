"""db.reads(): what it takes, what it refuses, and what it sees.

The replica of these tests is the primary itself: a server that never lags. Those with a standby are
in tests/faults/test_read_replicas.py.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool.commits import CommitPoint
from oadb.engine.reads import read_executors
from oadb.errors import MisplacedError, OutcomeUnknownError, ParameterError, UnavailableError
from tests.support import pool_probes as probes
from tests.support.batched_probes import change, look, look_twice
from tests.support.rig import Connect, Db, Observer, eventually, pool_of, threads


@pytest.fixture
def db(connect: Connect, url: str) -> Db:
    return connect(read_hosts=dsn.parse_hosts(url), pool_size=1, read_pool_size=1)


@operation
async def _note_all(db: AsyncExecutor, number: int) -> int:
    before = await probes.count_all(db)
    await probes.put(db, number, "noted")
    return before


@operation
async def _count_twice(db: AsyncExecutor) -> int:
    async with db.transaction() as tx:
        return await probes.count_all(tx) + await probes.count_all(tx)


def test_a_read_runs_on_a_replica_and_a_write_on_the_primary(db: Db) -> None:
    probes.put(db, 1, "a")

    assert probes.get(db.reads(), 1) == probes.Probe(1, "a", 0)
    assert [*probes.numbers(db.reads(), 3)] == [1, 2, 3]
    assert b"".join(probes.dump(db.reads())).startswith(b"1\n2\n")
    assert _count_twice(db.reads()) == 2

    stats = db.read_stats()
    assert [each.reads for each in stats.replicas] == [4]
    assert stats.primary_reads == 0


REFUSED: dict[str, Callable[[Any], object]] = {
    "probe.put: it writes": lambda db: probes.put(db, 1, "a"),
    "probe.put.many: of probe.put, it writes": lambda db: probes.put.many(db, [(1, "a")]),
    "probe.bump: it writes": lambda db: probes.bump(db, 1),
    "probe.load: it writes": lambda db: probes.load(db, []),
    "test_reads._note_all runs probe.put: it writes": lambda db: _note_all(db, 1),
}


def test_a_write_is_refused_before_anything_is_sent(db: Db) -> None:
    for text, write in REFUSED.items():
        with pytest.raises(MisplacedError) as refused:
            write(db.reads())
        assert str(refused.value).startswith(text)
        assert str(refused.value).endswith(
            "so call it over the Database itself, or in a transaction of it"
        )
    assert db.stats().size == 0

    with db.reads().transaction() as tx:
        for write in REFUSED.values():
            with pytest.raises(MisplacedError, match="it writes"):
                write(tx)
        assert probes.count_all(tx) == 0


def _put_in_a_batch(db: Db) -> None:
    with db.reads().batch() as batch:
        probes.count_all(batch)
        probes.put(batch, 1, "a")


def test_a_batch_is_refused_if_one_of_it_writes(db: Db) -> None:
    with pytest.raises(MisplacedError, match=r"^a batch: of probe\.put, it writes"):
        _put_in_a_batch(db)

    with db.reads().batch() as batch:
        counted, one = probes.count_all(batch), probes.one(batch)
    assert (counted.result, one.result) == (0, 1)


def test_operations_of_a_batch_that_only_read_run_on_a_replica(db: Db) -> None:
    probes.put(db, 1, "a")

    with db.reads().batch() as batch:
        once, twice, count = look(batch, 1), look_twice(batch, 1, 2), probes.count_all(batch)
    assert (once.result, twice.result, count.result) == ("a", "a nothing", 1)
    assert db.read_stats().primary_reads == 0


def _change_in_a_batch(db: Db) -> None:
    with db.reads().batch() as batch:
        look(batch, 1)
        change(batch, 1, 7)


def test_an_operation_of_a_batch_that_writes_is_refused_before_anything_is_sent(db: Db) -> None:
    with pytest.raises(MisplacedError, match=r"\.change runs probe\.set_amount: it writes"):
        _change_in_a_batch(db)

    assert db.stats().size == 0
    assert [each.reads for each in db.read_stats().replicas] == [0]


def test_without_replicas_the_same_code_reads_from_the_primary(connect: Connect) -> None:
    db = connect(pool_size=1)
    probes.put(db, 1, "a")

    assert probes.notes(db.reads()) == ["a"]
    with db.reads().transaction(isolation="repeatable read") as tx:
        assert probes.setting(tx, "transaction_read_only") == "on"
    with pytest.raises(MisplacedError, match=r"probe\.put: it writes"):
        probes.put(db.reads(), 2, "b")
    assert db.read_stats().replicas == ()


def test_a_transaction_of_reads_sees_one_state_and_has_no_serializable(db: Db) -> None:
    with db.reads().transaction(isolation="repeatable read") as tx:
        assert probes.count_all(tx) == 0
        probes.put(db, 1, "a")
        with tx.transaction() as inner:
            assert probes.count_all(inner) == 0
    assert probes.count_all(db.reads()) == 1

    with pytest.raises(ParameterError, match="isolation must be repeatable read"):
        db.reads().transaction(isolation="serializable")


def _committed(url: str) -> CommitPoint:
    text = Observer(url).ask("select pg_current_wal_insert_lsn()::text")
    return CommitPoint.parse(text)


def test_every_kind_of_write_moves_what_reads_must_see(db: Db, url: str) -> None:
    seen = [db.committed()]
    writes: list[Callable[[], object]] = [
        lambda: probes.put(db, 1, "one statement"),
        lambda: probes.put.many(db, [(2, "a"), (3, "batch")]),
        lambda: probes.load(db, [(4, "a copy")]),
        lambda: db.transact(lambda tx: probes.put(tx, 5, "a transaction")),
    ]
    for write in writes:
        write()
        seen.append(db.committed())
        assert seen[-1] <= _committed(url)

    assert seen == sorted({*seen})
    before = db.committed()
    assert probes.count_all(db) == 5
    with db.transaction() as tx:
        assert probes.count_all(tx) == 5
    assert db.committed() == before


def test_after_a_plain_connection_the_primary_is_asked_what_reads_must_see(
    connect: Connect, url: str
) -> None:
    db = connect(read_hosts=dsn.parse_hosts(url))
    commits = pool_of(db).commits
    if isinstance(db, Database):
        with db.connection() as connection:
            connection.execute("insert into public.probe (probe_id, note) values (1, 'a')")
        assert commits is not None
        assert commits.latest == 0
        assert probes.count_all(db.reads()) == 1
        assert commits.latest > 0


def test_an_error_of_a_write_is_told_as_without_replicas(db: Db) -> None:
    probes.put(db, 1, "a")
    with pytest.raises(psycopg.errors.UniqueViolation):
        probes.put(db, 1, "a")
    with pytest.raises(ParameterError, match=r"probe\.put: note holds"):
        probes.put(db, 2, "\ud800")
    assert probes.count_all(db.reads()) == 1


def test_a_replica_that_is_not_there_leaves_its_reads_to_the_primary(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = dsn.parse_hosts("postgresql://nobody@127.0.0.1:1,127.0.0.1:2/nothing")
    db = connect(read_hosts=nowhere, pool_size=1)

    assert [probes.count_all(db.reads()) for _ in range(3)] == [0, 0, 0]

    stats = db.read_stats()
    assert stats.primary_reads == 3
    assert all("cannot connect" in each.out for each in stats.replicas)
    told = [each for each in caplog.records if each.name == "oadb.replicas"]
    assert sum("all replicas are out" in each.getMessage() for each in told) == 1


def test_after_a_lost_answer_the_primary_is_asked_what_reads_must_see(
    db: Db, observer: Observer
) -> None:
    commits = pool_of(db).commits
    with threads(1) as pool:
        lost = pool.submit(probes.put_slowly, db, 1, 30.0)
        eventually(lambda: observer.running("put_slowly"))
        observer.terminate()
        with pytest.raises(OutcomeUnknownError):
            lost.result()
    assert commits is not None
    assert (commits.latest, commits.doubts, commits.settled) == (0, 1, 0)

    assert probes.notes(db.reads()) == []
    assert commits.latest > 0
    assert commits.settled == 1


_NO_POINTS = (
    "",
    "0",
    "0/",
    "/0",
    "G/0",
    "0/0 ",
    " 0/0",
    "0/0\n",
    "123456789/0",
    "0/123456789",
    "1/a",
)


@pytest.mark.parametrize("text", _NO_POINTS)
def test_a_text_that_is_no_commit_point_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="the text must be like 16/B374D848"):
        CommitPoint.parse(text)


@pytest.mark.parametrize("position", [-1, 2**64, True, "1", 1.0, None])
def test_a_position_that_is_no_whole_number_of_64_bits_is_refused(position: Any) -> None:
    with pytest.raises(ParameterError, match="position must be a whole number of 64 bits"):
        CommitPoint(position)


@pytest.mark.parametrize("text", ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"])
def test_a_commit_point_is_passed_as_a_text(text: str) -> None:
    assert str(CommitPoint.parse(text)) == text


@pytest.mark.parametrize("after", ["0/0", 0, True])
def test_reads_take_a_commit_point_and_no_text(db: Db, after: Any) -> None:
    with pytest.raises(ParameterError, match=r"after must be a CommitPoint.*CommitPoint\.parse"):
        db.reads(after=after)


def test_a_point_that_no_server_has_reached_costs_the_wait_and_is_read_from_the_primary(
    connect: Connect, url: str
) -> None:
    db = connect(read_hosts=dsn.parse_hosts(url), read_wait_seconds=0.0)
    far = CommitPoint.parse("FFFFFFFF/FFFFFFFF")

    assert probes.count_all(db.reads(after=far)) == 0
    assert (db.read_stats().primary_reads, db.read_stats().behind) == (1, 1)


def test_a_read_beyond_its_deadline_takes_no_replica_out(db: Db) -> None:
    with pytest.raises(UnavailableError, match="did not answer before the deadline"):
        probes.pause(db.reads().within(0.05), 5.0)

    assert probes.one(db.reads()) == 1
    assert [(each.out, each.reads) for each in db.read_stats().replicas] == [("", 1)]


def test_a_connection_that_fails_while_its_replica_is_asked_is_not_used_again(
    db: Db, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> bool:
        raise psycopg.OperationalError("on purpose")

    with db.reads().transaction() as tx:
        failing = probes.backend(tx)
    with monkeypatch.context() as patch:
        patch.setattr(read_executors, "caught_up", refuse)
        with db.reads().transaction() as tx:
            assert probes.backend(tx) != failing  # of the primary

    eventually(lambda: failing not in Observer(url).backends())
    assert db.read_stats().replicas[0].out == "a transaction: on purpose"


def test_a_closed_database_reads_nothing(db: Db) -> None:
    probes.one(db.reads())
    db.close()
    with pytest.raises(UnavailableError, match="was closed"):
        probes.one(db.reads())
