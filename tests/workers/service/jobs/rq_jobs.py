"""Run by: rq worker payouts."""

from time import perf_counter

from rq import get_current_job

from jobs import payouts
from oadb import Database
from oadb.logs.latency import Timing
from oadb.logs.writer import LogWriter

db = Database.from_env()


def pay(order_id: int) -> bool:
    job = get_current_job()
    assert job is not None
    with LogWriter.from_env() as log:  # stored at the end of the block: the process of a job exits
        began = perf_counter()  # without atexit functions
        paid = payouts.pay(db, job.id, order_id)
        took = (perf_counter() - began) * 1000
        log.offer(Timing(total_ms=took, outcome="succeeded", order_id=str(order_id)))
    return paid
