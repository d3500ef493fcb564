"""Through PgBouncer in transaction mode, where a session lasts as long as a transaction."""

import pytest

from oadb.errors import UnavailableError
from tests.support import pool_probes as probes
from tests.support.batched_probes import change, look_twice
from tests.support.pgbouncer import bouncer, needs_pgbouncer
from tests.support.rig import Connect, Db, Observer, threads

__all__ = ["bouncer"]  # a fixture

pytestmark = needs_pgbouncer


@pytest.fixture
def db(connect: Connect, bouncer: str) -> Db:
    return connect(bouncer, pooler="pgbouncer", pool_size=6, max_overflow=0)


def test_lookups_and_writes_share_the_sessions_of_the_server(db: Db, observer: Observer) -> None:
    with threads(6) as pool:
        assert list(pool.map(lambda n: probes.put(db, n, "row"), range(200))) == [1] * 200
        rows = list(pool.map(lambda n: probes.get(db, n), range(200)))

    assert rows == [probes.Probe(n, "row", 0) for n in range(200)]
    observer.keeps(2)


def test_a_timeout_of_a_statement_reaches_the_server_and_no_other_statement(db: Db) -> None:
    assert probes.guarded_setting(db, "statement_timeout") == "7s"
    assert probes.setting(db, "statement_timeout") != "7s"
    with db.transaction() as tx:
        assert probes.guarded_setting(tx, "statement_timeout") == "7s"
        assert probes.setting(tx, "statement_timeout") != "7s"


def test_transactions_whose_begin_is_sent_with_a_statement_do_not_mix(db: Db) -> None:
    probes.put(db, 1, "counter")

    def increment(_: int) -> int:
        def work(tx: Db) -> int:
            session = probes.backend(tx)
            with tx.transaction() as nested:
                probes.bump(nested, 1)
            assert probes.backend(tx) == session
            return session

        return db.transact(work)

    with threads(6) as pool:
        sessions = set(pool.map(increment, range(120)))

    assert probes.amount(db, 1) == 120
    assert len(sessions) <= 2


def test_copies_and_streams_pass_through(db: Db) -> None:
    def work(number: int) -> tuple[int, int, int]:
        first = 10_000 * number
        loaded = probes.load(db, [(first + n, "loaded") for n in range(1000)])
        streamed = sum(1 for _ in probes.numbers(db, 2500))
        dumped = b"".join(probes.dump(db)).count(b"\n")
        return loaded, streamed, dumped

    with threads(3) as pool:
        assert list(pool.map(work, range(3))) == [(1000, 2500, 20_000)] * 3
    assert probes.count_all(db) == 3000


@pytest.mark.holds("F43")
def test_nothing_is_left_prepared_in_the_sessions_of_the_server(db: Db) -> None:
    for number in range(20):
        probes.echo(db, number)

    assert probes.prepared(db) == []


@pytest.mark.holds("F42")
def test_reads_do_not_notice_a_session_that_ends_behind_the_pooler(
    db: Db, observer: Observer
) -> None:
    probes.one(db)
    observer.terminate()

    assert [probes.one(db) for _ in range(20)] == [1] * 20
    assert db.transact(probes.one) == 1


def test_without_the_setting_the_pooler_refuses_the_limits(connect: Connect, bouncer: str) -> None:
    db = connect(bouncer)
    with pytest.raises(UnavailableError, match="unsupported startup parameter"):
        db.open()


def test_batches_and_many_rows_pass_through(db: Db) -> None:
    with threads(6) as pool:

        def work(number: int) -> list[int]:
            first = 1000 * number
            assert probes.put.many(db, [(first + n, "row") for n in range(100)]) == [1] * 100
            with db.batch() as batch:
                counts = [probes.bump(batch, first + n % 2) for n in range(4)]
                probes.guarded_setting(batch, "statement_timeout")
            return [each.result for each in counts]

        assert list(pool.map(work, range(12))) == [[1, 1, 2, 2]] * 12
    assert probes.count_all(db) == 1200


def test_operations_of_a_batch_pass_through_however_often_they_ask(db: Db) -> None:
    probes.put.many(db, [(n, "row") for n in range(6)])
    with threads(6) as pool:

        def work(number: int) -> tuple[str, int]:
            with db.batch() as batch:
                notes = look_twice(batch, number, 99)
            with db.batch() as batch:
                probes.bump(batch, number)
                before = change(batch, number, 7)
            return notes.result, before.result

        assert list(pool.map(work, range(6))) == [("row nothing", 1)] * 6
