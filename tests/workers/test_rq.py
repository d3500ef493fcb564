"""RQ: each job has a process of its own, and is done once although that dies."""

import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, Retry

from tests.support.rig import Observer, eventually
from tests.workers.conftest import working

PAYOUTS = "select count(*) from jobs.payouts"
LOGGED = "select count(distinct order_id) from oadb.latency"


@pytest.fixture
def redis_socket(tmp_path: Path) -> Generator[Path]:
    """Give the socket of a Redis that is reached by nothing else, and stores nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    listening = tmp_path / "redis"
    options = ("--port", "0", "--unixsocket", str(listening), "--save", "", "--dir", str(tmp_path))
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            eventually(listening.exists, 10)
            yield listening
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.long("starts Redis, and a worker of RQ")
def test_jobs_are_done_once_and_logged_although_the_process_of_one_dies(
    jobs_observer: Observer, redis_socket: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    Path(environ["DIE_ONCE"]).touch()
    url = f"unix://{redis_socket}"
    with Redis.from_url(url) as redis:
        queue = Queue("payouts", connection=redis)
        for order in range(3):
            queue.enqueue("dying_jobs.pay", order, retry=Retry(max=3))
        with working(
            tmp_path / "log", "rq.cli", "worker", "payouts", "--url", url, "--burst"
        ) as rq:
            rq.process.wait(30)

    assert jobs_observer.ask(PAYOUTS) == 3, rq.said()
    assert jobs_observer.ask(LOGGED) == 3
    assert jobs_observer.ask("select count(*) from oadb.latency") == 4  # one was done twice
