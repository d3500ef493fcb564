"""Batches that are halved, and callers that wait until rows are stored."""

import pytest

from oadb.errors import UnavailableError
from oadb.logs.writing.queue import Receipt
from tests.support.log_queues import numbers, offer, queue, taken
from tests.support.rig import eventually, threads


def test_a_batch_that_is_halved_keeps_its_first_rows_and_the_others_come_next() -> None:
    slow = queue(flush_rows=1)
    receipts = [Receipt() for _ in range(5)]
    for number, receipt in enumerate(receipts):
        offer(slow, number, receipt)
    batch = taken(slow)
    offer(slow, 5)
    slow.halve(batch)
    assert numbers(batch) == [0, 1, 2]
    slow.settle(batch)
    following = taken(slow)
    assert numbers(following) == [3, 4, 5]
    slow.halve(following)
    slow.halve(following)
    slow.halve(following)
    assert numbers(following) == [3], "a row at least"
    slow.settle(following)

    assert [numbers(taken(slow)), slow._awaited] == [[4, 5], 0]
    assert [receipt.done() for receipt in receipts] == [True, True, True, True, False]


def test_giving_up_fails_the_receipts_of_rows_that_were_put_back() -> None:
    given_up = queue(flush_rows=1)
    receipts = [Receipt(), Receipt()]
    for number, receipt in enumerate(receipts):
        offer(given_up, number, receipt)
    given_up.halve(taken(given_up))

    assert given_up.give_up() == 2
    with pytest.raises(UnavailableError, match="was closed"):
        receipts[1].result(0)


def test_waiting_until_rows_are_stored_ends_with_the_last_of_them_or_the_time() -> None:
    draining = queue(flush_seconds=60)
    for number in range(3):
        offer(draining, number)
    mark = draining.flush()
    assert draining.wait_until_stored(mark, 0.05) == 3
    batch = taken(draining)
    offer(draining, 4)
    assert draining.wait_until_stored(mark, 0.05) == 3, "the batch being stored is not stored yet"
    with threads(1) as pool:
        waiting = pool.submit(draining.wait_until_stored, mark, 60)
        eventually(lambda: bool(vars(draining._settled)["_waiters"]))
        draining.settle(batch)

        assert waiting.result(5) == 0, "the row after the mark is not waited for"
    assert draining.stats().queued_rows == 1


def test_giving_up_ends_the_wait_until_rows_are_stored() -> None:
    given_up = queue(flush_seconds=60)
    offer(given_up, 1)
    with threads(1) as pool:
        waiting = pool.submit(given_up.wait_until_stored, given_up.flush(), 60)
        eventually(lambda: bool(vars(given_up._settled)["_waiters"]))
        given_up.give_up()

        assert waiting.result(5) == 1
