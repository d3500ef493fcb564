"""Writes that wait for the end of their transaction are sent with COMMIT, or not at all."""

from collections.abc import Callable
from contextlib import suppress
from traceback import format_exception
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.later import send_later
from oadb.engine.deferred_transactions import deferred
from oadb.engine.executors import Executor
from oadb.engine.observing import Observer as Told
from oadb.engine.observing import StatementDone
from oadb.errors import OutcomeUnknownError, ParameterError, TransactionError
from tests.faults.proxy import End, Proxy
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, config

# The first row that is put later meets a deadlock, or so it seems.
_FAIL_ONCE = """
create sequence public.tries;
create function public.once() returns trigger language plpgsql as
$$begin if nextval('public.tries') = 1 then raise sqlstate '40P01'; end if; return new; end$$;
create trigger once before insert on public.probe for each row when (new.note = 'later')
execute function public.once()
"""
_FAIL_NO_MORE = """
drop trigger once on public.probe;
drop function public.once();
drop sequence public.tries
"""


WORDS = "secret words"


class RollbackError(Exception):
    """Raised by a block that wants to be rolled back."""


@pytest.fixture
def db(connect: Connect) -> Db:
    return connect(pool_size=1, max_overflow=0)


def put_later(db: Executor, probe_id: int, note: str = "later") -> None:
    db._operate(lambda inner: send_later(inner, probes.put, probe_id, note))


def run(db: Db, *steps: Callable[[Any], object]) -> None:
    """Take steps in one transaction."""
    with db.transaction() as tx:
        for step in steps:
            step(tx)


def now(probe_id: int, note: str = "now") -> Callable[[Any], object]:
    return lambda tx: probes.put(tx, probe_id, note)


def later(probe_id: int, note: str = "later") -> Callable[[Any], object]:
    return lambda tx: put_later(tx, probe_id, note)


def put_and_later(db: Db, first: int) -> None:
    run(db, now(first), later(first + 1))


def put_within_and_later(db: Db, first: int) -> None:
    with db.transaction() as tx, tx.transaction() as nested:
        probes.put(nested, first, "now")
        put_later(nested, first + 1)


def later_alone(db: Db, first: int) -> None:
    run(db, later(first), later(first + 1))


@pytest.mark.parametrize(
    ("work", "trips"),
    [
        pytest.param(put_and_later, 2, id="a write, and another with COMMIT"),
        pytest.param(put_within_and_later, 3, id="one with the end of a savepoint"),
        pytest.param(later_alone, 1, id="BEGIN, two that wait, and COMMIT"),
    ],
)
def test_they_take_no_round_trip_of_their_own(
    connect: Connect, url: str, observer: Observer, work: Callable[[Db, int], None], trips: int
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()
        for first in (1, 3):  # at first the statements are parsed as well
            before = proxy.round_trips
            work(db, first)
            assert proxy.round_trips - before == trips

    assert observer.rows("select probe_id from probe order by 1") == [(1,), (2,), (3,), (4,)]


def test_over_a_database_they_run_at_once(db: Db, observer: Observer) -> None:
    put_later(db, 1)

    assert observer.ask("select count(*) from probe") == 1


def test_a_statement_that_is_called_behind_them_sees_them(db: Db) -> None:
    with db.transaction() as tx:
        put_later(tx, 1)
        assert probes.ids(tx) == [1]
        put_later(tx, 2)
        assert list(probes.numbers(tx, 2)) == [1, 2]
        put_later(tx, 3)
        with tx.batch() as batch:
            ids = probes.ids(batch)
        assert ids.result == [1, 2, 3]

    assert probes.ids(db) == [1, 2, 3]


def test_what_is_rolled_back_takes_those_that_wait_in_it(db: Db) -> None:
    with suppress(RollbackError), db.transaction() as tx:
        probes.put(tx, 1, "now")
        put_later(tx, 2)
        raise RollbackError
    assert probes.ids(db) == []

    with db.transaction() as tx:
        put_later(tx, 3)
        with suppress(RollbackError), tx.transaction() as nested:
            probes.put(nested, 4, "now")
            put_later(nested, 5)
            raise RollbackError
        with suppress(RollbackError), tx.transaction() as nested:
            put_later(nested, 6)
            raise RollbackError
        with tx.transaction() as nested:
            put_later(nested, 7)
    assert probes.ids(db) == [3, 7]


def test_an_error_of_one_names_it_without_row_data_and_rolls_all_back(db: Db) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match=r"^probe\.put") as raised:
        run(db, now(1, WORDS), later(2), later(1, WORDS))

    assert WORDS not in "".join(format_exception(raised.value))
    assert probes.ids(db) == []


def test_an_error_at_the_end_of_a_savepoint_rolls_back_to_it(db: Db) -> None:
    with db.transaction() as tx:
        probes.put(tx, 1, "now")
        with suppress(psycopg.errors.UniqueViolation), tx.transaction() as nested:
            probes.put(nested, 2, "now")
            put_later(nested, 1)
        probes.put(tx, 3, "now")

    assert probes.ids(db) == [1, 3]


def test_a_value_that_cannot_be_sent_rolls_back_what_it_would_have_ended(db: Db) -> None:
    with db.transaction() as tx:
        probes.put(tx, 1, "now")
        with suppress(ParameterError), tx.transaction() as nested:
            probes.put(nested, 2, "now")
            put_later(nested, 3, "\ud800")
        probes.put(tx, 4, "now")
    assert probes.ids(db) == [1, 4]

    with pytest.raises(ParameterError, match=r"^probe\.put"):
        run(db, now(5), later(6, "\ud800"))
    assert probes.ids(db) == [1, 4]


def test_an_error_of_a_deferred_constraint_is_that_of_commit(db: Db) -> None:
    def refer(tx: Any) -> None:
        tx._operate(lambda inner: send_later(inner, probes.refer, 9))

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=r"^commit"):
        run(db, refer)

    assert probes.one(db) == 1, "the connection can be used again"


def test_a_swallowed_error_gives_them_up(db: Db) -> None:
    def fail(tx: Any) -> None:
        with suppress(psycopg.errors.DivisionByZero):
            probes.divide(tx, 0)

    with pytest.raises(TransactionError, match="swallowed"):
        run(db, later(1), fail, later(2))
    assert probes.ids(db) == []


def test_transact_repeats_all_of_it_if_one_of_them_meets_a_deadlock(
    db: Db, observer: Observer
) -> None:
    observer.rows(_FAIL_ONCE)

    def work(tx: Any) -> None:
        probes.put(tx, 1, "now")
        put_later(tx, 2)

    try:
        db.transact(work)
        assert probes.ids(db) == [1, 2]
    finally:
        observer.rows(_FAIL_NO_MORE)


def test_a_lost_answer_leaves_the_outcome_unknown(connect: Connect, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()

        def lose(end: End, data: bytes) -> bool:
            is_commit = end.is_client and b"commit\0" in data
            if is_commit:
                end.close(reset=True)
            return is_commit

        proxy.hook = lose
        with pytest.raises(OutcomeUnknownError):
            put_and_later(db, 1)


def test_one_that_comes_after_those_that_wait_were_sent_runs_at_once(db: Db) -> None:
    """As if a thread that shares the transaction had called a statement in between."""

    async def send_both(inner: Any) -> None:
        sent = inner._deferred
        inner._open.take_deferred()
        inner._open.deferred = sent
        await send_later(inner, probes.put, 1, "later")

    with db.transaction() as tx:
        tx._operate(send_both)
    assert probes.ids(db) == [1]


@pytest.mark.parametrize("refused", [probes.bump, probes.get], ids=["a row", "a read"])
def test_what_returns_rows_cannot_wait(db: Db, refused: Any) -> None:
    with db.transaction() as tx, pytest.raises(ParameterError, match="can wait for COMMIT"):
        tx._operate(lambda inner: send_later(inner, refused, 1))


def test_a_transaction_that_began_late_sends_them_with_its_end(url: str) -> None:
    with Database(config(url)) as db:
        with deferred(db) as tx:
            put_later(tx, 1)  # nothing has begun: it runs at once
            put_later(tx, 2)
            assert tx._inner._made is not None
            assert tx._inner._made._open.deferred is not None
        assert probes.ids(db) == [1, 2]


def test_observers_are_told_of_them(url: str) -> None:
    told: list[StatementDone] = []

    class Listening(Told):
        def statement(self, done: StatementDone) -> None:
            told.append(done)

    with Database(config(url), observer=Listening()) as db:
        put_and_later(db, 1)
        later_alone(db, 3)

    assert [(done.label, done.rows) for done in told] == [
        ("probe.put", 1),
        ("probe.put", 1),
        ("a batch", 2),
    ]
