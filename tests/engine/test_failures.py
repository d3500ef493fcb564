"""Failures: which calls are repeated, which are not, and the errors that callers get."""

from threading import Barrier
from traceback import format_exception

import psycopg
import pytest
from psycopg import waiting

from oadb.engine.failures import RetryBudget
from oadb.engine.pool.socket_reader import SocketReader
from oadb.errors import OutcomeUnknownError, UnavailableError
from tests.faults.proxy import End, Proxy
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, eventually, threads

SLOW_COMMIT = """
create function slow() returns trigger language plpgsql
as $$ begin perform pg_sleep(0.4); return null; end $$;
create constraint trigger slow after insert on probe
deferrable initially deferred for each row execute function slow();
"""


def test_a_read_whose_connection_is_cut_is_run_again(
    connect: Connect, proxy: Proxy, observer: Observer
) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0)
    with threads(1) as pool:
        answer = pool.submit(probes.pause, db, 0.5)
        eventually(lambda: observer.running("pg_sleep"))
        proxy.cut()

        assert answer.result() == 1


def test_a_write_whose_answer_is_lost_happened_once_and_is_not_repeated(
    connect: Connect, proxy: Proxy, observer: Observer
) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0)
    with threads(1) as pool:
        answer = pool.submit(probes.put_slowly, db, 1, 0.4)
        eventually(lambda: observer.running("put_slowly"))
        proxy.cut()
        error = answer.exception()

    assert isinstance(error, OutcomeUnknownError)
    assert str(error).startswith("probe.put_slowly:")
    eventually(lambda: not observer.running("put_slowly"))
    assert observer.ask("select count(*) from probe") == 1


def panic(end: End, data: bytes) -> bool:
    """Make a PANIC of an error, as when the disk of the write-ahead log is full."""
    if end.is_client or end.peer is None or b"ERROR" not in data:
        return False
    end.peer.transport.write(data.replace(b"ERROR", b"PANIC"))
    return True


@pytest.mark.holds("F30", "I7")
def test_a_report_that_ends_the_session_leaves_the_outcome_unknown_whatever_its_code(
    connect: Connect, proxy: Proxy
) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0)
    probes.put(db, 1, "row")
    before = probes.backend(db)
    proxy.hook = panic
    with pytest.raises(OutcomeUnknownError, match=r"probe\.put: the connection was lost"):
        probes.put(db, 1, "the same key")

    assert probes.backend(db) != before


@pytest.mark.holds("F14", "I2", "I7")
def test_a_write_cut_before_it_arrived_is_not_repeated_either(
    connect: Connect, proxy: Proxy, observer: Observer
) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0)
    db.open()
    with threads(1) as pool:
        proxy.pause()
        answer = pool.submit(probes.put, db, 1, "held back")
        eventually(lambda: any(end.waiting for end in proxy.ends))
        proxy.cut()
        proxy.resume()
        error = answer.exception()

    assert isinstance(error, OutcomeUnknownError)
    assert observer.ask("select count(*) from probe") == 0


# Libpq and psycopg say a lost connection in many words, and with no SQLSTATE.
@pytest.mark.parametrize(
    "words", ["connection socket closed", "SSL SYSCALL error: EOF detected", "Success"]
)
@pytest.mark.holds("F16")
def test_a_write_that_was_sent_and_not_answered_is_unknown_whatever_the_words(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    probes.put(db, 1, "parses the statement")

    def fail(*_: object, **__: object) -> object:
        raise psycopg.OperationalError(words)

    with monkeypatch.context() as patched:
        patched.setattr(waiting, "wait", fail)
        patched.setattr(SocketReader, "run", fail)
        with pytest.raises(OutcomeUnknownError, match=r"^probe.put: the connection was lost"):
            probes.put(db, 2, "sent")
        with pytest.raises(UnavailableError, match="nothing was changed"):
            probes.one(db)
    eventually(lambda: probes.one(db) == 1)


def test_retries_after_lost_connections_come_from_a_budget() -> None:
    budget = RetryBudget(reserve=3)
    assert [budget.spend(0) for _ in range(4)] == [True, True, True, False]
    assert [budget.spend(15), budget.spend(15)] == [True, False]
    assert [budget.spend(10_000) for _ in range(4)] == [True, True, True, False]


def put_in_transaction(db: Db) -> None:
    with db.transaction() as tx:
        probes.put(tx, 1, "one")


def transact_put(db: Db) -> None:
    db.transact(lambda tx: probes.put(tx, 1, "one"))


@pytest.mark.parametrize("write", [put_in_transaction, transact_put])
@pytest.mark.holds("F15", "I2", "I7")
def test_a_commit_whose_answer_is_lost_is_unknown_and_not_repeated(
    connect: Connect, proxy: Proxy, observer: Observer, write: object
) -> None:
    observer.rows(SLOW_COMMIT)
    db = connect(proxy.url, pool_size=1, max_overflow=0)
    with threads(1) as pool:
        answer = pool.submit(write, db)  # type: ignore[arg-type]  # a parameter of the test
        eventually(lambda: observer.running("commit"))
        proxy.cut()
        error = answer.exception()

    assert isinstance(error, OutcomeUnknownError)
    assert str(error).startswith("commit:")
    eventually(lambda: observer.ask("select count(*) from probe") == 1)


def test_a_connection_lost_inside_a_transaction_changed_nothing(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=1, max_overflow=0)

    def lose() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "lost")
            observer.terminate(probes.backend(tx))
            probes.put(tx, 2, "never sent")

    with pytest.raises(UnavailableError, match=r"probe\.put: .* nothing was changed"):
        lose()
    assert probes.count_all(db) == 0


def test_transact_runs_again_after_a_lost_connection(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=1, max_overflow=0)
    attempts: list[int] = []

    def work(tx: Db) -> int:
        attempts.append(probes.backend(tx))
        probes.put(tx, 1, "kept")
        if len(attempts) < 3:
            observer.terminate(attempts[-1])
        return probes.count_all(tx)

    assert db.transact(work) == 1
    assert len(set(attempts)) == 3
    assert probes.notes(db) == ["kept"]


def test_transact_gives_up_after_five_attempts(connect: Connect) -> None:
    db = connect()
    attempts: list[Db] = []

    def work(tx: Db) -> None:
        attempts.append(tx)
        raise UnavailableError("raised by the work")

    with pytest.raises(UnavailableError, match="raised by the work"):
        db.transact(work)
    assert len(attempts) == 5


def test_transact_does_not_repeat_what_the_server_refuses(connect: Connect) -> None:
    db = connect()
    attempts: list[Db] = []

    def work(tx: Db) -> int:
        attempts.append(tx)
        return probes.divide(tx, 0)

    with pytest.raises(psycopg.errors.DivisionByZero):
        db.transact(work)
    assert len(attempts) == 1


@pytest.mark.holds("F35", "I2")
def test_serialization_failures_are_retried_until_every_increment_counts(
    connect: Connect,
) -> None:
    db = connect(pool_size=4, max_overflow=0)
    probes.put(db, 1, "counter")

    def increment(_: int) -> int:
        """Increment once; return the number of calls that it took, at most 99."""
        for tries in range(1, 100):
            try:
                db.transact(read_and_write, isolation="serializable")
            except psycopg.errors.SerializationFailure:
                continue
            return tries
        raise AssertionError("no progress in a hundred calls")

    with threads(4) as pool:
        tries = list(pool.map(increment, range(60)))

    assert probes.amount(db, 1) == 60
    assert sum(tries) < 90, "transact hides most failures"


def read_and_write(tx: Db) -> None:
    probes.set_amount(tx, 1, probes.amount(tx, 1) + 1)


def test_two_serializable_transactions_that_collide_both_commit(connect: Connect) -> None:
    db = connect(pool_size=2, max_overflow=0)
    probes.put(db, 1, "counter")
    both_have_read = Barrier(2)
    attempts: list[int] = []

    def increment(tx: Db) -> None:
        before = probes.amount(tx, 1)
        attempts.append(before)
        if len(attempts) <= 2:
            both_have_read.wait(10)
        probes.set_amount(tx, 1, before + 1)

    with threads(2) as pool:
        calls = [pool.submit(db.transact, increment, isolation="serializable") for _ in range(2)]
        for call in calls:
            call.result()

    assert probes.amount(db, 1) == 2
    assert sorted(attempts) == [0, 0, 1]


def test_a_single_write_that_fails_to_serialize_is_run_again(
    connect: Connect, url: str, observer: Observer
) -> None:
    db = connect(
        f"{url}&options=-c%20default_transaction_isolation%3Drepeatable%5C%20read",
        pool_size=1,
        max_overflow=0,
    )
    probes.put(db, 1, "one")
    with psycopg.connect(url) as other, threads(1) as pool:
        other.execute("update probe set amount = 10")
        answer = pool.submit(probes.bump, db, 1)
        eventually(lambda: observer.running("probe.bump"))
        other.commit()

        assert answer.result() == 11


@pytest.mark.holds("F34", "I2")
def test_transactions_with_opposite_lock_orders_all_commit(
    connect: Connect, observer: Observer
) -> None:
    observer.rows(f"alter database {database(observer)} set deadlock_timeout = '20ms'")
    # Two at a time: of more, one can be the victim of a deadlock as often as it is tried again.
    db = connect(pool_size=2, max_overflow=0, lock_timeout_seconds=10.0)
    for n in (1, 2):
        probes.put(db, n, "row")

    def bump_both(number: int) -> None:
        first = 1 + number % 2

        def work(tx: Db) -> None:
            probes.bump(tx, first)
            probes.bump(tx, 3 - first)

        db.transact(work)

    with threads(2) as pool:
        list(pool.map(bump_both, range(60)))

    assert (probes.amount(db, 1), probes.amount(db, 2)) == (60, 60)


def database(observer: Observer) -> str:
    name: str = observer.ask("select quote_ident(current_database())")
    return name


def test_a_deadlock_between_two_transactions_is_resolved_by_running_one_again(
    connect: Connect, observer: Observer
) -> None:
    observer.rows(f"alter database {database(observer)} set deadlock_timeout = '20ms'")
    db = connect(pool_size=2, max_overflow=0, lock_timeout_seconds=10.0)
    for n in (1, 2):
        probes.put(db, n, "row")
    both_hold = Barrier(2)
    attempts: list[int] = []

    def cross(first: int) -> None:
        def work(tx: Db) -> None:
            attempts.append(first)
            probes.bump(tx, first)
            if len(attempts) <= 2:
                both_hold.wait(10)
            probes.bump(tx, 3 - first)

        db.transact(work)

    with threads(2) as pool:
        list(pool.map(cross, (1, 2)))

    assert (probes.amount(db, 1), probes.amount(db, 2)) == (2, 2)
    assert len(attempts) == 3


def test_an_error_of_the_server_is_shown_without_the_row(connect: Connect) -> None:
    db = connect()
    probes.put(db, 987654, "one")
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        probes.put(db, 987654, "tiger-lily")

    shown = "".join(format_exception(caught.value))
    assert "987654" not in shown.partition("UniqueViolation")[2]
    assert "tiger-lily" not in shown.partition("UniqueViolation")[2]
    assert caught.value.diag.message_detail is None
    assert caught.value.diag.constraint_name == "probe_pkey"
    assert "probe.put" in str(caught.value)


def test_an_error_points_at_the_line_of_the_statement(connect: Connect, observer: Observer) -> None:
    db = connect()
    observer.rows("alter table probe drop column amount cascade")
    with pytest.raises(psycopg.errors.UndefinedColumn, match=r"probe\.get: .* \(probe\.sql:\d+\)"):
        probes.get(db, 1)
