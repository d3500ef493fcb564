"""The queue: bounded, reopened at half, in order, and its counters always add up."""

import threading
from time import monotonic
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from oadb.errors import ParameterError, UnavailableError
from oadb.logs.writing.limits import Limits
from oadb.logs.writing.queue import LogBatch, Queue, Receipt
from tests.support.log_queues import SIZE, numbers, offer, queue, taken
from tests.support.rig import eventually, threads


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_rows": 99}, {"max_rows": 10**8}, {"max_rows": True}, {"max_bytes": 1000},
        {"max_bytes": float("nan")}, {"flush_rows": 0}, {"flush_rows": 10**8},
        {"flush_seconds": 0}, {"flush_seconds": 61.0}, {"wait_seconds": -0.1}, {"wait_seconds": 11},
        {"wait_seconds": "1"}, {"max_rows": None},
    ],
)  # fmt: skip  # a table
def test_an_impossible_limit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"^[a-z_]+ must be a number from .* to "):
        Limits(**wrong)


def test_a_batch_starts_with_enough_rows_and_has_all_of_them() -> None:
    full = queue(flush_seconds=60)
    for number in range(25):
        offer(full, number)

    assert numbers(taken(full)) == [*range(25)]


def test_a_batch_starts_after_flush_seconds() -> None:
    slow = queue(flush_seconds=0.2)
    started = monotonic()
    offer(slow, 1)
    batch = taken(slow)

    assert numbers(batch) == [1]
    assert 0.19 < monotonic() - started < 5


def test_a_full_queue_takes_no_rows_until_half_of_it_is_stored() -> None:
    full = queue(flush_rows=1, max_rows=8000)
    for number in range(8000):
        assert offer(full, number)
    assert not offer(full, 0)
    assert full.stats().is_full

    first = taken(full)
    assert len(first.entries) == 5000, "a batch has a bound of its own"
    assert not offer(full, 0), "the batch being stored counts"
    full.settle(first)

    assert offer(full, 0)
    assert full.stats().most_rows == 8000


def test_a_full_queue_stays_full_while_more_than_half_of_it_is_left() -> None:
    full = queue(flush_rows=1, max_rows=12_000)
    for number in range(12_000):
        assert offer(full, number)
    full.settle(taken(full))

    assert not offer(full, 0), "7,000 of 12,000 are more than half"


def test_a_queue_full_of_bytes_stays_full_while_more_than_half_of_them_are_left() -> None:
    full = queue(flush_rows=1, max_bytes=32 * 2**20)
    while full.offer(("x",), 3 * 2**20):
        pass
    full.settle(taken(full))
    assert not full.offer(("x",), 1), "21 of 32 MiB are more than half"

    full.settle(taken(full))
    assert full.offer(("x",), 1)


def test_bytes_are_bounded_as_well_as_rows() -> None:
    full = queue(max_bytes=2**20)
    while offer(full, 0):
        pass
    taking = full.stats()
    large = queue(max_bytes=2**20)
    for _ in range(3):
        assert large.offer(("x",), 300_000)

    assert not large.offer(("x",), 300_000)
    assert large.stats().queued_bytes == 900_000
    assert taking.queued_rows <= 100


def test_waiting_for_room_ends_wait_seconds_after_the_queue_became_full() -> None:
    full = queue(wait_seconds=0.15)
    for number in range(100):
        offer(full, number)
    started = monotonic()

    assert not full.wait_for_room(full.patience)
    assert 0.1 < monotonic() - started < 1
    again = monotonic()
    assert not full.wait_for_room(full.patience)
    assert monotonic() - again < 0.05, "an outage delays a caller once"


def test_room_wakes_waiting_callers() -> None:
    full = queue(wait_seconds=10)
    for number in range(100):
        offer(full, number)
    with threads(4) as pool:
        waiting = [pool.submit(full.wait_for_room, full.patience) for _ in range(4)]
        full.settle(taken(full))

        assert all(each.result(5) for each in waiting)


def test_dropped_rows_are_recorded_with_the_next_batch_or_one_without_rows() -> None:
    full = queue()
    for number in range(100):
        offer(full, number)
    for _ in range(3):
        full.drop()
    batch = taken(full)
    full.drop()
    full.settle(batch)
    rest = taken(full)

    assert (batch.drops, rest.drops) == (3, 1)
    assert rest.entries == []
    assert full.stats().dropped == 4


def test_a_row_with_a_receipt_starts_a_batch_which_resolves_the_receipt() -> None:
    quick = queue(flush_seconds=60)
    receipt = Receipt()
    offer(quick, 1)
    offer(quick, 2, receipt=receipt)
    batch = taken(quick)
    batch.rejects = [(batch.entries[1], "unfit")]
    quick.settle(batch)

    assert receipt.result() == "unfit"
    assert (quick.stats().stored, quick.stats().rejected) == (1, 1)


def test_a_withdrawn_row_is_not_stored() -> None:
    quick = queue(flush_seconds=60)
    receipts = [Receipt(), Receipt()]
    for number, receipt in enumerate(receipts):
        offer(quick, number, receipt=receipt)
    assert receipts[0].cancel()
    batch = taken(quick)

    assert numbers(batch) == [1]
    assert not receipts[1].cancel(), "it is being stored"
    assert quick.stats().accepted == 1


def test_closing_makes_queued_rows_due_and_ends_the_consumer() -> None:
    closed = queue(flush_seconds=60)
    offer(closed, 1)
    closed.close()
    batch = taken(closed)
    closed.settle(batch)

    assert closed.take() is None
    assert not offer(closed, 2)
    closed.drop()
    assert (closed.stats().stored, closed.stats().refused) == (1, 1)


def test_closing_wakes_the_consumer_and_callers_waiting_for_room() -> None:
    empty, full = queue(), queue()
    for number in range(100):
        offer(full, number)
    with threads(2) as pool:
        taking = pool.submit(empty.take)
        waiting = pool.submit(full.wait_for_room, 60)
        empty.close()
        full.close()

        assert taking.result(5) is None
        assert waiting.result(5) is False


def test_giving_up_counts_the_remaining_rows_and_fails_their_receipts() -> None:
    given_up = queue(flush_seconds=60)
    receipt = Receipt()
    offer(given_up, 1)
    batch = taken_when_closed(given_up)
    offer_after_close = offer(given_up, 2, receipt=receipt)

    assert batch is not None
    assert not offer_after_close
    assert given_up.give_up() == 1
    assert given_up.take() is None
    assert not given_up.retry("gone", 60)
    waiting = queue(flush_seconds=60)
    offer(waiting, 1, receipt=receipt)
    assert waiting.give_up() == 1
    with pytest.raises(UnavailableError, match="was closed"):
        receipt.result(0)


def test_giving_up_wakes_the_consumer_and_its_pause_between_attempts() -> None:
    empty, failing = queue(), queue()
    with threads(2) as pool:
        taking = pool.submit(empty.take)
        pausing = pool.submit(failing.retry, "lost", 30)
        eventually(lambda: asleep(empty) and asleep(failing))
        try:
            empty.give_up()
            failing.give_up()

            assert taking.result(5) is None
            assert pausing.result(5) is False
        finally:
            empty.close()
            failing.close()


def asleep(queue: Queue) -> bool:
    """Say whether a thread waits for a change of the queue."""
    return bool(vars(queue._changed)["_waiters"])


def taken_when_closed(queue: Queue) -> LogBatch | None:
    queue.close()
    return queue.take()


def test_the_age_of_the_oldest_row_includes_rows_being_stored() -> None:
    aging = queue(flush_rows=1)
    assert aging.stats().oldest_age_seconds == 0.0
    offer(aging, 1)
    first = aging.stats().oldest_age_seconds
    batch = taken(aging)

    assert 0 < first < aging.stats().oldest_age_seconds < 5
    aging.settle(batch)
    assert aging.stats().oldest_age_seconds == 0.0


def test_an_attempt_without_an_answer_is_an_error_after_five_seconds() -> None:
    silent = queue(flush_rows=1)
    offer(silent, 1)
    batch = taken(silent)
    before = silent.stats().last_error
    silent._attempt_since -= 7

    assert before is None
    assert silent.stats().last_error == "no answer from the database for 7 s"
    silent.settle(batch)
    assert silent.stats().last_error is None


def test_rows_of_many_threads_are_neither_lost_nor_counted_twice() -> None:
    shared = queue(max_rows=100, flush_rows=1, wait_seconds=10)
    found: list[object] = []

    def produce(start: int) -> None:
        for number in range(start, start + 2000):
            while not offer(shared, number):
                shared.wait_for_room(10)

    def consume() -> None:
        while (batch := shared.take()) is not None:
            found.extend(numbers(batch))
            shared.settle(batch)

    consumer = threading.Thread(target=consume)
    consumer.start()
    with threads(8) as pool:
        list(pool.map(produce, range(0, 16_000, 2000)))
    shared.close()
    consumer.join(10)

    assert sorted(found) == [*range(16_000)]  # type: ignore[type-var]  # all are numbers
    stats = shared.stats()
    assert (stats.accepted, stats.stored, stats.queued_rows, stats.queued_bytes) == (
        16_000,
        16_000,
        0,
        0,
    )
    assert stats.most_rows <= 100


class Model(RuleBasedStateMachine):
    """Calls in any order: the counters add up, and the bounds hold."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue(flush_seconds=0.001, flush_rows=1)
        self.batch: LogBatch | None = None
        self.tried = self.taken = self.counted = 0

    @rule(rows=st.integers(1, 60))
    def give(self, rows: int) -> None:
        for number in range(rows):
            self.tried += 1
            if not offer(self.queue, number):
                self.queue.drop()

    @precondition(lambda self: self.batch is None and self.has_work())
    @rule()
    def take(self) -> None:
        self.batch = taken(self.queue)
        self.taken += len(self.batch.entries)
        self.counted += self.batch.drops

    @precondition(lambda self: self.batch is not None)
    @rule(fails=st.booleans())
    def end(self, fails: bool) -> None:
        assert self.batch is not None
        if fails:
            assert self.queue.retry("lost", 0)
        else:
            self.queue.settle(self.batch)
            self.batch = None

    def has_work(self) -> bool:
        return bool(self.queue._counts.rows or self.queue._drops)

    @invariant()
    def adds_up(self) -> None:
        stats = self.queue.stats()
        in_hand = len(self.batch.entries) if self.batch else 0
        assert stats.accepted + stats.dropped == self.tried
        assert stats.accepted == stats.stored + stats.queued_rows
        assert stats.stored + in_hand == self.taken
        assert stats.queued_bytes == stats.queued_rows * SIZE
        assert stats.queued_rows <= stats.most_rows <= 100
        assert stats.dropped == self.counted + self.queue._drops


Model.TestCase.settings = settings(max_examples=50)
TestModel = Model.TestCase
