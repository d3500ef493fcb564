"""What observers hear of statements, transactions and connections, on both drivers."""

import asyncio
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.engine.observing import (
    ConnectionChange,
    Observer,
    StatementDone,
    TransactionBegun,
    TransactionDone,
    WaitFailed,
)
from oadb.errors import ParameterError, PoolTimeoutError, TransactionError, UnavailableError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.rig import MODES, OnLoop, config, eventually


class Ear(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.statements: list[StatementDone] = []
        self.begun: list[TransactionBegun] = []
        self.transactions: list[TransactionDone] = []
        self.waits: list[WaitFailed] = []
        self.changes: list[ConnectionChange] = []

    def statement(self, done: StatementDone) -> None:
        self.statements.append(done)

    def transaction_begun(self, begun: TransactionBegun) -> None:
        self.begun.append(begun)

    def transaction(self, done: TransactionDone) -> None:
        self.transactions.append(done)

    def wait_failed(self, failed: WaitFailed) -> None:
        self.waits.append(failed)

    def connection(self, change: ConnectionChange) -> None:
        self.changes.append(change)


class Deaf(Observer):
    """Raises whatever it hears."""

    def statement(self, done: StatementDone) -> None:
        raise ZeroDivisionError(done.label)

    transaction_begun = transaction = wait_failed = connection = statement  # type: ignore[assignment]  # also raise


@pytest.fixture
def ear() -> Ear:
    return Ear()


@contextmanager
def opened(mode: str, url: str, *observers: Observer, **settings: Any) -> Iterator[Any]:
    db: Database | OnLoop = (
        Database(config(url, **settings), observer=observers)
        if mode == "sync"
        else OnLoop(config(url, **settings), observer=observers)
    )
    try:
        yield db
    finally:
        db.close()
        if isinstance(db, OnLoop):
            db.loop.stop()


@pytest.fixture(params=[*MODES])
def db(request: pytest.FixtureRequest, url: str, ear: Ear) -> Generator[Any]:
    with opened(request.param, url, ear, pool_size=1, max_overflow=1) as db:
        yield db


def test_a_statement_is_told_with_its_name_kind_place_rows_and_seconds(db: Any, ear: Ear) -> None:
    before = monotonic()
    probes.put(db, 1, "a")
    probes.put(db, 2, "b")
    probes.notes(db)

    write, _, read = ear.statements
    assert (write.label, write.kind, write.rows) == ("probe.put", "write", 1)
    assert (read.label, read.kind, read.rows) == ("probe.notes", "read", 2)
    assert read.place.rpartition(":")[2].isdigit()
    assert before <= write.started <= read.started <= monotonic()
    assert 0 < read.server_seconds < read.seconds < 5
    assert read.making_seconds == pytest.approx(
        read.seconds - read.waiting_seconds - read.server_seconds
    )
    assert (read.error, read.sqlstate, read.retries, read.in_transaction) == (None, None, 0, False)


def test_a_statement_that_the_server_refuses_is_told_with_its_sqlstate(db: Any, ear: Ear) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        probes.divide(db, 0)

    [done] = ear.statements
    assert (done.error, done.sqlstate, done.rows) == ("DivisionByZero", "22012", 0)


def test_nothing_of_a_value_is_told(db: Any, ear: Ear) -> None:
    probes.put(db, 77_123, "a secret note")

    assert "secret note" not in repr(ear.statements)
    assert "77123" not in repr(ear.statements)


def test_a_statement_that_found_no_row_is_told_of_as_one_that_succeeded(db: Any, ear: Ear) -> None:
    assert probes.get(db, 1) is None

    [done] = ear.statements
    assert (done.rows, done.error) == (0, None)


def test_the_wait_of_a_call_for_a_connection_is_told_apart(db: Any, ear: Ear) -> None:
    probes.one(db)  # opens the pool

    assert 0 < ear.statements[0].waiting_seconds <= ear.statements[0].seconds

    probes.one(db)
    assert ear.statements[1].waiting_seconds < ear.statements[1].server_seconds


def test_a_transaction_is_told_with_its_statements_and_where_it_began(db: Any, ear: Ear) -> None:
    with db.transaction() as tx:
        probes.put(tx, 1, "a")
        with tx.transaction() as nested:
            probes.put(nested, 2, "b")

    assert [done.in_transaction for done in ear.statements] == [True, True]
    assert [done.waiting_seconds for done in ear.statements] == [0, 0]
    [done] = ear.transactions
    assert (done.outcome, done.statements, done.error, done.retries) == ("committed", 2, None, 0)
    assert sum(each.seconds for each in ear.statements) < done.seconds < 5
    assert ear.begun == [done.begun]
    assert [each.transaction for each in ear.statements] == [done.begun] * 2


def test_a_transaction_that_got_no_connection_is_told_as_a_wait_alone(db: Any, ear: Ear) -> None:
    with db.transaction(), db.transaction():
        ear.begun.clear()
        with pytest.raises(UnavailableError):
            db.within(0.1).transaction().__enter__()

    assert ear.begun == []
    assert [failed.reason for failed in ear.waits] == ["timed out"]


def test_a_transaction_is_named_by_the_function_that_began_it(url: str, ear: Ear) -> None:
    def place_order(db: Database) -> None:
        with db.transaction() as tx:
            probes.one(tx)

    with opened("sync", url, ear) as db:
        place_order(db)

    [done] = ear.transactions
    assert done.label.endswith("place_order")
    assert done.label.startswith("test_observing.")
    file, _, line = done.place.rpartition(":")
    assert (file, int(line) > 100) == (__file__, True)


def test_a_transaction_whose_block_raises_is_told_as_rolled_back(db: Any, ear: Ear) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        raise ZeroDivisionError

    [done] = ear.transactions
    assert (done.outcome, done.error, done.sqlstate) == ("rolled back", "ZeroDivisionError", None)


def test_a_transaction_that_cannot_be_committed_is_told_with_the_sqlstate(
    db: Any, ear: Ear
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation), db.transaction() as tx:
        probes.refer(tx, 1)

    [done] = ear.transactions
    assert (done.outcome, done.sqlstate) == ("rolled back", "23503")


def test_a_transaction_that_swallowed_an_error_is_told_as_rolled_back(db: Any, ear: Ear) -> None:
    with pytest.raises(TransactionError), db.transaction() as tx, suppress(psycopg.Error):
        probes.divide(tx, 0)

    assert [done.outcome for done in ear.transactions] == ["rolled back"]


def test_attempts_of_a_transaction_are_counted(url: str, ear: Ear) -> None:
    attempts = 0

    def work(tx: Any) -> None:
        nonlocal attempts
        attempts += 1
        probes.one(tx)
        if attempts < 3:
            raise psycopg.errors.SerializationFailure

    with opened("sync", url, ear) as db:
        db.transact(work)

    assert [(done.retries, done.outcome) for done in ear.transactions] == [
        (0, "rolled back"),
        (1, "rolled back"),
        (2, "committed"),
    ]


def test_a_stream_is_told_once_with_all_its_rows(db: Any, ear: Ear) -> None:
    assert len([*probes.numbers(db, 5000)]) == 5000

    [done] = ear.statements
    assert (done.label, done.kind, done.rows) == ("probe.numbers", "stream", 5000)
    assert [each.outcome for each in ear.transactions] == ["committed"]


def test_a_stream_that_is_closed_early_is_told_with_the_rows_that_it_read(
    db: Any, ear: Ear
) -> None:
    with db.transaction() as tx:
        rows = probes.numbers(tx, 5)
        assert next(rows) == 1
        rows.close()

    assert [(done.rows, done.error) for done in ear.statements] == [(5, None)]


def test_a_copy_is_told_with_its_rows(db: Any, ear: Ear) -> None:
    probes.load(db, [(1, "a"), (2, "b")])

    [done] = ear.statements
    assert (done.kind, done.rows) == ("copy", 2)


def test_a_batch_is_told_as_one_statement(url: str, ear: Ear) -> None:
    with opened("sync", url, ear) as db:
        with db.batch() as batch:
            probes.put(batch, 1, "a")
            probes.notes(batch)
        probes.put.many(db, [(2, "b"), (3, "c")])

    batch_done, many_done = ear.statements
    assert (batch_done.label, batch_done.kind, batch_done.rows) == ("a batch", "batch", 2)
    assert (many_done.label, many_done.rows) == ("probe.put.many", 2)


def test_a_batch_whose_second_call_fails_has_the_same_name(url: str, ear: Ear) -> None:
    with opened("sync", url, ear) as db, pytest.raises(psycopg.errors.UniqueViolation):
        probes.put.many(db, [(2, "b"), (2, "c")])

    assert {done.label for done in ear.statements} == {"probe.put.many"}


def test_repeated_attempts_of_a_read_are_counted(url: str, ear: Ear) -> None:
    with opened("sync", url, ear, pool_size=1, max_overflow=0) as db:
        probes.one(db)
        with psycopg.connect(url, autocommit=True) as other:
            [pid] = [probes.backend(db)]
            db._inner._pool._idle._idle[0].state.poll = Blind()
            other.execute("select pg_terminate_backend(%s::int, 5000)", [pid])
        probes.one(db)

    assert ear.statements[-1].retries == 1
    assert ear.statements[-1].error is None


class Blind:
    """A poll that never sees anything: the connection looks alive until it is used."""

    def poll(self, _timeout: int) -> list[Any]:
        return []


def test_a_caller_that_waits_in_vain_is_told(db: Any, ear: Ear) -> None:
    with db.transaction(), db.transaction(), pytest.raises(UnavailableError):
        probes.one(db.within(0.2))

    [failed] = ear.waits
    assert (failed.label, failed.reason) == ("probe.one", "timed out")
    assert 0.15 < failed.seconds < 5


def test_a_caller_that_is_refused_is_told(url: str, ear: Ear) -> None:
    with opened("sync", url, ear, pool_size=1, max_overflow=0, pool_max_waiting=1) as db:
        pool = db._inner._pool
        with db.transaction():
            pool._idle._callers.append((None, "another"))
            with pytest.raises(PoolTimeoutError):
                probes.one(db)
            pool._idle._callers.clear()

    assert [failed.reason for failed in ear.waits] == ["refused"]


def test_a_server_that_cannot_be_reached_is_told(ear: Ear) -> None:
    with opened("sync", "postgresql://oadb@127.0.0.1:1/oadb", ear) as db:
        assert not db.ping()

    assert [failed.reason for failed in ear.waits] == ["unavailable"]


def test_connections_are_told_when_opened_replaced_and_closed(db: Any, ear: Ear, url: str) -> None:
    pid = probes.backend(db)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s::int, 5000)", [pid])
    eventually(lambda: probes.one(db) == 1 and ConnectionChange("replaced", "lost") in ear.changes)
    db.close()

    assert ear.changes[0] == ConnectionChange("opened", "wanted")
    eventually(lambda: ear.changes[-1] == ConnectionChange("closed", "pool closed"))


@pytest.mark.long("waits for a call to be overdue")
def test_an_overdue_connection_is_told_as_replaced(proxy: Proxy, ear: Ear) -> None:
    with opened("sync", proxy.url, ear, pool_size=1, max_overflow=0) as db:
        probes.one(db)
        proxy.pause()
        assert not db.ping(deadline=timedelta(seconds=0.2))
        eventually(lambda: ConnectionChange("replaced", "overdue") in ear.changes)


def test_an_observer_that_raises_breaks_no_call_and_is_logged_once(
    url: str, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "oadb.observers"), opened("sync", url, Deaf(), ear) as db:
        assert [probes.one(db), probes.one(db)] == [1, 1]

    named = [record.getMessage() for record in caplog.records if "statement" in record.getMessage()]
    assert named == [f"{__name__}.Deaf.statement raised an error; more of them are not logged"]
    assert len(ear.statements) == 2


async def test_events_are_heard_in_the_task_of_the_caller(url: str) -> None:
    request: ContextVar[str] = ContextVar("request", default="")
    heard: list[str] = []

    class Contextual(Observer):
        def statement(self, done: StatementDone) -> None:
            heard.append(f"{request.get()} {done.label}")

    async def handle(name: str) -> None:
        request.set(name)
        await probes.one(adb)

    async with AsyncDatabase(config(url), observer=Contextual()) as adb:
        await asyncio.gather(*map(handle, "abc"))

    assert sorted(heard) == ["a probe.one", "b probe.one", "c probe.one"]


@pytest.mark.parametrize("given", ["loud", object(), [Ear, 1], {"a": Ear()}])
def test_what_is_no_observer_is_refused(url: str, given: Any) -> None:
    with pytest.raises(ParameterError, match="Database: observer must be an Observer, or a list"):
        Database(config(url), observer=given)


def test_executors_of_a_database_are_observed_too(url: str, ear: Ear) -> None:
    environ = {"DATABASE_URL": url}
    with Database.from_env(environ, observer=ear) as db:
        probes.one(db.within(5))
        probes.one(db.outside())
    with Database(Config.from_env(environ), observer=[ear]) as db:
        probes.one(db)

    assert [done.label for done in ear.statements] == ["probe.one"] * 3
