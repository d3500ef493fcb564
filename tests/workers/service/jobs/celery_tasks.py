"""Run by: celery -A jobs.celery_tasks worker."""

import os
from time import perf_counter

from celery import Celery, Task

from jobs import payouts
from oadb.errors import BusyError, OutcomeUnknownError, UnavailableError
from oadb.integrations.celery import install
from oadb.logs.latency import Timing
from oadb.logs.writer import LogWriter

app = Celery("jobs", broker=os.environ["BROKER_URL"])
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
db = install(app)
log = LogWriter.from_env()


@app.task(
    bind=True,
    autoretry_for=(BusyError, OutcomeUnknownError, UnavailableError),
    retry_backoff=True,
    max_retries=10,
)
def pay(self: Task[[int], bool], order_id: int) -> bool:
    began = perf_counter()
    paid = payouts.pay(db, self.request.id, order_id)
    took = (perf_counter() - began) * 1000
    log.offer(Timing(total_ms=took, outcome="succeeded", order_id=str(order_id)))
    return paid
