"""Operations in a batch: several of them ask together, in one round trip."""

import hashlib
from typing import Any

import pytest

from oadb.engine import dsn
from oadb.engine.batches import Pending
from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.errors import NoRowError, ParameterError, TransactionError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.batched_probes import change, look, look_twice
from tests.support.rig import Connect, Db


@pytest.fixture
def db(connect: Connect) -> Db:
    db = connect(pool_size=1, max_overflow=0)
    probes.put(db, 1, "one")
    probes.put(db, 2, "two")
    return db


@operation
async def digest(db: AsyncExecutor, probe_id: int) -> str:
    """Compute before and after it looks."""
    await db.offload(hashlib.sha256, b"before")
    found = await look(db, probe_id)
    return (await db.offload(hashlib.sha256, found.encode())).hexdigest()


@operation
async def answer_at_once(db: AsyncExecutor, probe_id: int) -> str:
    """Ask for something that is known without a statement."""
    return await look(db, probe_id) if probe_id > 0 else "none"


@operation
@transacted
async def in_a_transaction(tx: AsyncExecutor) -> int:
    """Need a transaction."""
    return await probes.one(tx)


@operation
async def look_in_a_batch(db: AsyncExecutor) -> int:
    """Send a batch of its own."""
    async with db.batch() as batch:
        pending = probes.one(batch)
    return pending.result


@operation
async def count_guess(db: AsyncExecutor) -> int:
    """Do what no rollback may undo."""
    refuse_transaction(db, "probe.count_guess")
    return await probes.one(db)


@operation
async def compute_in_vain(db: AsyncExecutor) -> None:
    """Fail in a computation."""
    await db.offload(int, "no number")


def test_operations_and_calls_have_their_results_in_their_order(db: Db) -> None:
    with db.batch() as batch:
        first = look(batch, 1)
        count = probes.count_all(batch)
        both = look_twice(batch, 2, 9)
        hashed = digest(batch, 1)
        at_once = answer_at_once(batch, 0)

    assert (first.result, count.result, both.result) == ("one", 2, "two nothing")
    assert hashed.result == hashlib.sha256(b"one").hexdigest()
    assert at_once.result == "none"


def test_those_that_ask_once_are_one_round_trip_and_others_one_for_each_question(
    connect: Connect, url: str
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()
        for _ in range(2):  # at first the statements are parsed as well
            before = proxy.round_trips
            with db.batch() as batch:
                probes.count_all(batch)
                look(batch, 1)
                digest(batch, 2)
            assert proxy.round_trips - before == 1
        before = proxy.round_trips
        with db.batch() as batch:
            look_twice(batch, 1, 2)
            look_twice(batch, 2, 1)
            look(batch, 1)
        assert proxy.round_trips - before == 2


def test_with_a_write_beside_it_all_is_one_transaction(db: Db) -> None:
    with db.batch() as batch:
        probes.put(batch, 3, "three")
        before = change(batch, 1, 7)
        note = look(batch, 3)
    assert (before.result, note.result) == (0, "three")
    assert probes.amount(db, 1) == 7

    def fail() -> None:
        with db.batch() as batch:
            probes.set_amount(batch, 2, 5)
            change(batch, 99, 7)

    with pytest.raises(NoRowError, match=r"^probe\.amount: no row"):
        fail()
    assert probes.amount(db, 2) == 0


def test_a_write_after_a_read_is_refused_outside_of_a_transaction(db: Db) -> None:
    def write(executor: Any) -> None:
        with executor.batch() as batch:
            change(batch, 1, 7)

    with pytest.raises(TransactionError, match=r"^probe\.set_amount: an operation of a batch wri"):
        write(db)
    assert probes.amount(db, 1) == 0
    with db.transaction() as tx:
        write(tx)
    assert probes.amount(db, 1) == 7


def test_an_operation_that_needs_a_transaction_of_its_own_is_refused(db: Db) -> None:
    def run() -> None:
        with db.batch() as batch:
            in_a_transaction(batch)

    with pytest.raises(TransactionError, match="with a transaction of its own cannot be part"):
        run()


def test_what_is_sent_together_itself_or_must_not_be_rolled_back_is_refused(db: Db) -> None:
    def run(work: Any) -> None:
        with db.batch() as batch:
            probes.put(batch, 3, "not sent")
            work(batch)

    with pytest.raises(ParameterError, match="a batch: calls that are sent together cannot be"):
        run(look_in_a_batch)
    with pytest.raises(TransactionError, match="must not run in a transaction or a batch"):
        run(count_guess)
    assert probes.count_all(db) == 2


def test_an_error_of_an_operation_is_raised_and_no_result_is_there(db: Db) -> None:
    pending: list[Pending[str]] = []

    def run() -> None:
        with db.batch() as batch:
            pending.append(look(batch, 1))
            compute_in_vain(batch)

    with pytest.raises(ValueError, match="no number"):
        run()
    with pytest.raises(TransactionError, match=r"look: no result: its batch has"):
        _ = pending[0].result
    assert probes.count_all(db) == 2


def test_an_invalid_argument_is_refused_at_its_call(db: Db) -> None:
    def run() -> None:
        with db.batch() as batch:
            look(batch, "1")  # type: ignore[call-overload]  # on purpose

    with pytest.raises(ParameterError, match=r"look: probe_id must be int, not str"):
        run()
