"""Batches: different calls in one round trip; all of them happen, or none."""

import asyncio
from collections.abc import Callable
from functools import partial
from traceback import format_exception
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database
from oadb.engine import combined_calls, dsn
from oadb.engine.batches import Pending
from oadb.engine.binding.results import Affected
from oadb.engine.burst import Burst
from oadb.errors import NoRowError, ParameterError, TransactionError, UnavailableError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.declaring import declared
from tests.support.rig import Connect, Db, Observer, config, eventually


@pytest.fixture
def db(connect: Connect) -> Db:
    db = connect(pool_size=2)
    probes.put(db, 1, "one")
    probes.put(db, 2, "two")
    return db


def send(executor: Any, *calls: Callable[[Any], object]) -> None:
    """Send calls in one batch."""
    with executor.batch() as batch:
        for call in calls:
            call(batch)


def test_each_call_has_its_result_after_the_block(db: Db) -> None:
    with db.batch() as batch:
        one = probes.get(batch, 1)
        notes = probes.notes(batch)
        missing = probes.get(batch, 9)
        written = probes.set_amount(batch, 2, 5)
        amount = probes.amount(batch, 2)

    assert one.result == probes.Probe(1, "one", 0)
    assert notes.result == ["one", "two"]
    assert missing.result is None
    assert written.result == 1
    assert amount.result == 5, "calls run in their order"


def test_it_is_one_round_trip(connect: Connect, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()
        for _ in range(2):  # at first the statements are parsed as well
            before = proxy.round_trips
            with db.batch() as batch:
                for number in range(5):
                    probes.get(batch, number)
                probes.count_all(batch)
            assert proxy.round_trips - before == 1


def test_an_empty_batch_and_one_whose_block_raises_send_nothing(connect: Connect) -> None:
    db = connect("postgresql://nobody@127.0.0.1:1/nothing")
    with db.batch():
        pass
    pending: list[Pending[probes.Probe | None]] = []

    def give_up() -> None:
        with db.batch() as batch:
            pending.append(probes.get(batch, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    with pytest.raises(TransactionError, match=r"probe.get: no result: its batch has"):
        _ = pending[0].result


def test_nothing_stays_if_a_call_fails_and_the_error_names_it(db: Db) -> None:
    pending: list[Pending[Affected]] = []
    with pytest.raises(
        psycopg.errors.UniqueViolation, match=r"^probe\.put: the primary key must be"
    ) as caught:
        send(
            db,
            lambda batch: probes.set_amount(batch, 1, 7),
            lambda batch: pending.append(probes.put(batch, 2, "a secret note")),
            lambda batch: probes.put(batch, 3, "three"),
        )

    assert "secret" not in "".join(format_exception(caught.value))
    assert probes.ids(db) == [1, 2]
    assert probes.amount(db, 1) == 0
    with pytest.raises(TransactionError, match="or has failed"):
        _ = pending[0].result


def test_an_error_in_a_statement_has_the_place_of_that_statement(
    db: Db, observer: Observer
) -> None:
    observer.rows("alter table public.child rename to gone")
    with pytest.raises(psycopg.errors.UndefinedTable, match=r"^probe\.refer: .*\(probe\.sql:\d+\)"):
        send(db, probes.one, lambda batch: probes.refer(batch, 1))


def test_nothing_stays_if_a_write_returns_no_row_although_one_is_promised(db: Db) -> None:
    with pytest.raises(NoRowError, match=r"^probe\.bump: no row"):
        send(db, lambda batch: probes.bump(batch, 1), lambda batch: probes.bump(batch, 99))
    assert probes.amount(db, 1) == 0


def test_a_value_that_cannot_be_sent_is_named_and_nothing_is_sent(db: Db) -> None:
    with pytest.raises(ParameterError, match=r"^probe\.put: note holds a NUL character"):
        send(
            db,
            lambda batch: probes.put(batch, 3, "three"),
            lambda batch: probes.put(batch, 4, "fo\0ur"),
        )
    assert probes.ids(db) == [1, 2]


def test_an_invalid_argument_is_refused_at_its_call(db: Db) -> None:
    with pytest.raises(ParameterError, match=r"probe\.get: probe_id must be int"), db.batch() as b:
        probes.get(b, "1")  # type: ignore[arg-type]  # on purpose


def test_in_a_transaction_it_commits_and_rolls_back_with_it(db: Db, observer: Observer) -> None:
    with db.transaction() as tx:
        with tx.batch() as batch:
            probes.put(batch, 3, "three")
            found = probes.get(batch, 3)
        assert found.result is not None
        assert observer.ask("select count(*) from probe") == 2
    assert observer.ask("select count(*) from probe") == 3

    def give_up() -> None:
        with db.transaction() as tx:
            send(tx, lambda batch: probes.put(batch, 4, "four"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert observer.ask("select count(*) from probe") == 3


def test_a_swallowed_error_of_a_batch_rolls_its_transaction_back(db: Db) -> None:
    def swallow() -> None:
        with db.transaction() as tx:
            try:
                with tx.batch() as batch:
                    probes.put(batch, 3, "three")
                    probes.divide(batch, 0)
            except psycopg.errors.DivisionByZero:
                pass

    with pytest.raises(TransactionError, match="swallowed"):
        swallow()
    assert probes.ids(db) == [1, 2]


def test_timeouts_of_a_statement_are_its_own_in_a_batch(db: Db) -> None:
    def settings(executor: Any) -> list[str]:
        with executor.batch() as batch:
            pending = [
                probes.setting(batch, "statement_timeout"),
                probes.guarded_setting(batch, "statement_timeout"),
                probes.guarded_setting(batch, "statement_timeout"),
                probes.setting(batch, "statement_timeout"),
                probes.guarded_setting(batch, "statement_timeout"),
            ]
        return [each.result for each in pending]

    assert settings(db) == ["15s", "7s", "7s", "15s", "7s"]
    with db.transaction() as tx:
        assert settings(tx) == ["15s", "7s", "7s", "15s", "7s"]
        assert probes.setting(tx, "statement_timeout") == "15s"
    assert probes.setting(db, "statement_timeout") == "15s"


def test_streams_and_copies_are_refused(db: Db) -> None:
    with db.batch() as batch:
        with pytest.raises(ParameterError, match=r"probe\.load: a COPY cannot be part of a batch"):
            probes.load(batch, [(3, "three")])
        with pytest.raises(ParameterError, match=r"probe\.numbers: a stream cannot be part"):
            probes.numbers(batch, 3)  # type: ignore[call-overload]  # on purpose


def test_a_call_after_its_end_is_refused(db: Db) -> None:
    with db.batch() as batch:
        probes.one(batch)
    with pytest.raises(TransactionError, match=r"probe\.one: its batch has ended"):
        probes.one(batch)


def test_its_results_may_be_larger_than_the_buffers_of_the_network(db: Db) -> None:
    big = "x" * 3_000_000
    with db.batch() as batch:
        for number in range(10, 20):
            probes.put(batch, number, big)
        notes = probes.notes(batch)
    assert [len(note) for note in notes.result[2:]] == [3_000_000] * 10


def test_a_large_one_that_fails_leaves_nothing_and_the_database_goes_on(db: Db) -> None:
    puts = [partial(probes.put, probe_id=n, note="x" * 1_000_000) for n in range(20, 1, -1)]
    with pytest.raises(psycopg.errors.UniqueViolation, match=r"^probe\.put"):
        send(db, *puts)
    assert probes.ids(db) == [1, 2]


def test_a_pending_result_shows_its_name_and_never_its_value(db: Db) -> None:
    with db.batch() as batch:
        pending = probes.get(batch, 1)
    assert repr(pending) == "<pending probe.get>"


def test_within_bounds_it_as_a_whole(db: Db) -> None:
    with pytest.raises(UnavailableError, match="did not answer before the deadline"):
        send(db.within(0.3), probes.one, lambda batch: probes.pause(batch, 60.0))
    assert probes.one(db) == 1


async def test_a_large_one_that_is_cancelled_while_it_is_sent_leaves_nothing(
    url: str, observer: Observer
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        await probes.one(db)

        async def write() -> None:
            async with db.batch() as batch:
                for number in range(40):
                    probes.put(batch, number, "x" * 1_000_000)

        with psycopg.connect(url) as other:
            # The server waits for this row, and reads no more than the first of the others.
            other.execute("insert into public.probe (probe_id, note) values (0, 'first')")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await write()
            other.rollback()
        assert await probes.one(db) == 1
    eventually(lambda: not observer.backends())
    assert observer.ask("select count(*) from probe") == 0


def test_a_value_that_cannot_be_sent_costs_neither_connection_nor_transaction(
    connect: Connect,
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    before = probes.backend(db)
    remove = declared("delete from public.probe", Affected)
    as_json = declared("select :a::jsonb is null as it", bool, a=dict[str, object])
    refused = (
        (lambda batch: probes.put(batch, 2, "fo\0ur"), ParameterError),
        (lambda batch: as_json(batch, {"a": object()}), TypeError),
    )
    for call, error in refused:
        with pytest.raises(error):
            send(db, lambda batch: probes.put(batch, 1, "one"), call)
        with db.transaction() as tx:
            with pytest.raises(error):
                send(tx, probes.one, call)
            probes.put(tx, 5, "goes on")
            assert probes.ids(tx) == [5]
            assert probes.backend(tx) == before
            remove(tx)
    assert probes.backend(db) == before


@pytest.mark.parametrize("step", ["begin", "put", "finish"])
def test_an_interruption_while_statements_are_handed_over_leaves_nothing(
    url: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(burst: Burst, *args: Any) -> None:
        if step != "finish":
            getattr(original, step)(burst, *args)
        raise KeyboardInterrupt

    original = Burst
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        probes.put(db, 1, "one")
        with monkeypatch.context() as patched:
            patched.setattr(combined_calls, "Burst", type("Burst", (Burst,), {step: interrupt}))
            with pytest.raises(KeyboardInterrupt):
                send(db, lambda batch: probes.put(batch, 2, "two"), probes.one)
        assert probes.ids(db) == [1]
        with db.batch() as batch:
            found = probes.ids(batch)
        assert found.result == [1]
