"""Transactions commit or roll back, never silently; nested ones are savepoints."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from traceback import format_exception

import psycopg
import pytest

from oadb import AsyncDatabase
from oadb.engine import dsn
from oadb.engine.binding.guards import Isolation
from oadb.engine.database import Database
from oadb.engine.transaction_session import TransactionSession
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import ParameterError, TransactionError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.declaring import declared
from tests.support.rig import Connect, Db, Observer, config


class RollbackError(Exception):
    """Raised by a block that wants to be rolled back."""


def test_others_see_the_writes_of_a_block_after_its_end(
    connect: Connect, observer: Observer
) -> None:
    db = connect()
    with db.transaction() as tx:
        probes.put(tx, 1, "one")
        probes.put(tx, 2, "two")
        assert probes.count_all(tx) == 2
        assert observer.ask("select count(*) from probe") == 0

    assert observer.ask("select count(*) from probe") == 2


def test_a_block_that_raises_is_rolled_back(connect: Connect) -> None:
    db = connect()

    def roll_back() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "one")
            raise RollbackError

    with pytest.raises(RollbackError):
        roll_back()
    assert probes.count_all(db) == 0


def test_a_transaction_without_a_statement_sends_nothing(connect: Connect, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()
        sent = proxy.bytes_sent
        with db.transaction():
            pass
        with db.transaction() as tx, tx.transaction() as nested, nested.transaction():
            pass

        assert proxy.bytes_sent == sent


def test_begin_is_sent_with_the_first_statement(connect: Connect, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        # Prepares the statements that are counted below.
        put_two(db, 1)
        before = proxy.round_trips
        put_two(db, 3)

        assert proxy.round_trips - before == 3, "two statements and the commit"


def put_two(db: Db, first: int) -> None:
    with db.transaction() as tx:
        probes.put(tx, first, "first")
        probes.put(tx, first + 1, "second")


def test_a_transaction_that_swallows_an_error_rolls_back_and_raises(connect: Connect) -> None:
    db = connect()

    def swallow() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "one")
            with pytest.raises(psycopg.errors.UniqueViolation):
                probes.put(tx, 1, "again")

    with pytest.raises(TransactionError, match="swallowed"):
        swallow()
    assert probes.count_all(db) == 0


def test_a_nested_transaction_that_swallows_an_error_rolls_back_and_raises(
    connect: Connect,
) -> None:
    db = connect()

    def swallow(tx: Db) -> None:
        with tx.transaction() as nested:
            probes.put(nested, 2, "rolled back")
            with pytest.raises(psycopg.errors.UniqueViolation):
                probes.put(nested, 1, "again")

    with db.transaction() as tx:
        probes.put(tx, 1, "one")
        with pytest.raises(TransactionError, match="swallowed"):
            swallow(tx)
        probes.put(tx, 3, "three")

    assert probes.notes(db) == ["one", "three"]


def test_an_error_of_a_nested_transaction_may_be_handled_outside_of_it(
    connect: Connect,
) -> None:
    db = connect()
    with db.transaction() as tx:
        probes.put(tx, 1, "one")
        with pytest.raises(psycopg.errors.UniqueViolation), tx.transaction() as nested:
            probes.put(nested, 1, "again")

    assert probes.notes(db) == ["one"]


def test_a_nested_transaction_commits_with_the_outer_one(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        with tx.transaction() as nested:
            probes.put(nested, 1, "inner")
        probes.put(tx, 2, "outer")

    assert probes.notes(db) == ["inner", "outer"]


def test_a_nested_transaction_that_raises_rolls_back_alone(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        probes.put(tx, 1, "outer")
        roll_back_inside(tx)
        probes.put(tx, 3, "after")

    assert probes.notes(db) == ["outer", "after"]


def roll_back_inside(tx: Db) -> None:
    def roll_back() -> None:
        with tx.transaction() as nested:
            probes.put(nested, 2, "inner")
            raise RollbackError

    with pytest.raises(RollbackError):
        roll_back()


def test_nested_transactions_nest_again(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx, tx.transaction() as second:
        probes.put(second, 1, "second")
        with second.transaction() as third:
            probes.put(third, 3, "third")
        roll_back_inside(second)

    assert probes.notes(db) == ["second", "third"]


def test_a_nested_transaction_rolls_back_with_the_outer_one(connect: Connect) -> None:
    db = connect()

    def roll_back() -> None:
        with db.transaction() as tx:
            with tx.transaction() as nested:
                probes.put(nested, 1, "inner")
            raise RollbackError

    with pytest.raises(RollbackError):
        roll_back()
    assert probes.notes(db) == []


def test_the_first_statement_of_a_transaction_may_be_in_a_nested_one(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        roll_back_inside(tx)
        probes.put(tx, 1, "outer")

    assert probes.notes(db) == ["outer"]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_the_isolation_level_reaches_the_server(connect: Connect, isolation: Isolation) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with db.transaction(isolation=isolation) as tx:
        assert probes.setting(tx, "transaction_isolation") == isolation

    assert probes.setting(db, "transaction_isolation") == "read committed"


def test_a_read_only_transaction_writes_nothing(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)

    def write() -> None:
        with db.transaction(read_only=True) as tx:
            assert probes.setting(tx, "transaction_read_only") == "on"
            probes.put(tx, 1, "refused")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        write()
    assert probes.put(db, 1, "taken") == 1


def test_transact_passes_its_properties_on(connect: Connect) -> None:
    def properties(tx: Db) -> tuple[str, str]:
        level = probes.setting(tx, "transaction_isolation")
        return level, probes.setting(tx, "transaction_read_only")

    db = connect()
    assert db.transact(properties) == ("read committed", "off")
    assert db.transact(properties, isolation="serializable", read_only=True) == (
        "serializable",
        "on",
    )


def test_a_constraint_that_fails_at_commit_is_reported_without_the_row(connect: Connect) -> None:
    db = connect()
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught, db.transaction() as tx:
        probes.refer(tx, 987654)

    error = caught.value
    assert "commit:" in str(error)
    assert "child_probe_fkey" in str(error)
    assert error.diag.constraint_name == "child_probe_fkey"
    assert "987654" not in "".join(format_exception(error))
    assert error.diag.message_detail is None
    assert probes.one(db) == 1


def test_a_transaction_must_be_entered_before_it_is_used(connect: Connect) -> None:
    db = connect()
    if isinstance(db, Database):
        with pytest.raises(TransactionError, match="enter the transaction first"):
            probes.one(db.transaction())


def test_a_stream_in_a_transaction_sees_what_it_wrote(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        assert probes.load(tx, [(n, "loaded") for n in range(5000)]) == 5000
        assert sum(1 for _ in probes.numbers(tx, 2500)) == 2500
        assert probes.count_all(tx) == 5000


def test_two_streams_are_open_in_one_transaction(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        pairs = list(zip(probes.numbers(tx, 2500), probes.numbers(tx, 2500), strict=True))

    assert all(one == other for one, other in pairs)
    assert len(pairs) == 2500


def test_a_transaction_goes_on_after_a_value_that_cannot_be_sent(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        with pytest.raises(ParameterError, match="note holds a NUL character"):
            probes.put(tx, 1, "a\0b")
        probes.put(tx, 2, "kept")

    assert probes.notes(db) == ["kept"]


def test_a_transaction_whose_end_has_begun_takes_no_statement(
    connect: Connect, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would run behind the COMMIT, without a transaction; another thread may send one."""
    end, refused = AsyncTransaction._commit, list[str]()

    async def ended(self: AsyncTransaction, session: TransactionSession) -> None:
        with pytest.raises(TransactionError, match="this transaction has ended") as error:
            session.require_leased()
        refused.append(str(error.value))
        await end(self, session)

    monkeypatch.setattr(AsyncTransaction, "_commit", ended)
    with connect().transaction() as tx:
        probes.put(tx, 1, "one")

    assert len(refused) == 1
    assert observer.ask("select count(*) from probe") == 1


async def test_tasks_that_share_a_transaction_run_one_after_another(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        for _ in range(2):  # parsed from the second time on
            async with asyncio.timeout(20), db.transaction() as tx:
                found = await asyncio.gather(*(probes.echo(tx, number) for number in range(5)))
                assert found == [0, 1, 2, 3, 4]


def test_threads_that_share_a_transaction_run_one_after_another(url: str) -> None:
    with (
        Database(config(url, pool_size=1, max_overflow=0)) as db,
        db.transaction() as tx,
        ThreadPoolExecutor(4) as threads,
    ):
        assert probes.echo(tx, 0) == 0
        assert [*threads.map(partial(probes.echo, tx), range(200))] == [*range(200)]


def test_the_first_statement_of_a_transaction_answers_as_a_call_by_itself(
    connect: Connect,
) -> None:
    """Also when its results are asked for in binary form, as those of a parsed statement are."""
    db = connect(pool_size=1, max_overflow=0)
    same = declared("select :at::timestamptz", datetime, at=datetime)
    for day in range(1, 5):
        at = datetime(2026, 11, day, 9, 15, tzinfo=UTC)
        with db.transaction() as tx:
            assert same(tx, at) == at
        assert same(db, at) == at
