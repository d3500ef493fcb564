"""Queues of a log writer, for tests."""

from typing import Any

from oadb.logs.writing.limits import Limits
from oadb.logs.writing.queue import LogBatch, Queue, Receipt

SIZE = 1000


def queue(**limits: Any) -> Queue:
    return Queue(Limits(**{"max_rows": 100, "flush_rows": 10, **limits}))


def offer(queue: Queue, number: int, receipt: Receipt | None = None) -> bool:
    return queue.offer((number,), SIZE, receipt)


def taken(queue: Queue) -> LogBatch:
    batch = queue.take()
    assert batch is not None
    return batch


def numbers(batch: LogBatch) -> list[object]:
    return [values[0] for _, values, _, _ in batch.entries]
