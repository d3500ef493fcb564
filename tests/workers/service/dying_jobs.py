"""A job whose process is killed once, after its COMMIT."""

import os
import signal
from pathlib import Path

from jobs import rq_jobs


def pay(order_id: int) -> bool:
    paid = rq_jobs.pay(order_id)
    mark = Path(os.environ["DIE_ONCE"])
    if mark.exists():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return paid
