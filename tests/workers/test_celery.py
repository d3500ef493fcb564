"""Celery: a task commits before it is acknowledged, and is done once however often it comes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rig import Observer, eventually
from tests.workers.conftest import working

PAYOUTS = "select count(*) from jobs.payouts"
LOGGED = "select count(distinct order_id) from oadb.latency"

_SEND = """
from jobs.celery_tasks import app, pay
for order in range({first}, {first} + {count}):
    pay.delay(order)
"""


@pytest.fixture
def broker(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a broker that needs no server."""
    queue = tmp_path / "queue"
    queue.mkdir()
    settings = tmp_path / "celeryconfig.py"
    folders = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(tmp_path / "control"),
    }
    settings.write_text(
        f"broker_transport_options = {folders | {'polling_interval': 0.02}!r}\n"
        "worker_lost_wait = 0.01\n"
    )
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "celeryconfig")
    monkeypatch.setenv("BROKER_URL", "filesystem://")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{environ['PYTHONPATH']}")
    return queue


def send(count: int, first: int = 0) -> None:
    code = _SEND.format(first=first, count=count)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


CELERY = ("worker", "-c", "2", "-l", "warning", "--without-mingle", "--without-gossip")


@pytest.mark.long("starts a worker of Celery")
def test_a_task_is_done_once_although_its_process_died_before_it_was_acknowledged(
    jobs_observer: Observer, broker: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    mark = Path(environ["DIE_ONCE"])
    mark.touch()
    send(1)
    with working(tmp_path / "log", "celery", "-A", "dying", *CELERY) as worker:
        eventually(lambda: not mark.exists(), 30)
        assert jobs_observer.ask(PAYOUTS) == 1  # committed
        eventually(lambda: jobs_observer.ask(LOGGED) == 1, 30)  # by its second delivery
        send(6, first=1)
        eventually(lambda: jobs_observer.ask(PAYOUTS) >= 7, 30)
        worker.stop()

    assert jobs_observer.ask(PAYOUTS) == 7
    assert "signal 9 (SIGKILL)" in worker.said()
    assert jobs_observer.ask(LOGGED) == 7, worker.said()
    assert not [*broker.iterdir()]
    eventually(lambda: not jobs_observer.backends())


@pytest.mark.long("starts a worker of Celery")
@pytest.mark.usefixtures("broker")
def test_a_pool_of_threads_ends_like_one_of_processes(
    jobs_observer: Observer, tmp_path: Path
) -> None:
    send(3)
    command = ("celery", "-A", "jobs.celery_tasks", *CELERY, "-P", "threads")
    with working(tmp_path / "log", *command) as worker:
        eventually(lambda: jobs_observer.ask(PAYOUTS) == 3, 30)
        worker.stop()

    assert jobs_observer.ask(LOGGED) == 3, worker.said()
    eventually(lambda: not jobs_observer.backends())
