"""Celery: a task commits before it is acknowledged, and is done once however often it comes."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery
from celery.signals import worker_shutdown
from jobs import payouts

from oadb import Database
from oadb.errors import ParameterError, UnavailableError
from oadb.integrations.celery import install
from oadb.logs.latency import Timing
from oadb.logs.writer import LogWriter
from tests.conftest import configured
from tests.support.rig import Observer, eventually
from tests.workers.conftest import working

PAYOUTS = "select count(*) from jobs.payouts"
LOGGED = "select count(distinct order_id) from oadb.latency"

_SEND = """
from jobs.celery_tasks import app, pay
for order in range({first}, {first} + {count}):
    pay.delay(order)
"""


class Broker:
    """Two folders. A worker that saw a message while it is written would lose it."""

    def __init__(self, sent: Path, queue: Path) -> None:
        self.sent, self.queue = sent, queue
        sent.mkdir()
        queue.mkdir()

    def deliver(self) -> bool:
        """Move what was written whole to where the worker reads; always true."""
        for message in self.sent.iterdir():
            with suppress(ValueError):
                json.loads(message.read_text())
                message.rename(self.queue / message.name)
        return True


@pytest.fixture
def broker(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Give a broker that needs no server."""
    made = Broker(tmp_path / "sent", tmp_path / "queue")
    settings = tmp_path / "celeryconfig.py"
    folders = {
        "data_folder_in": str(made.queue),
        "data_folder_out": str(made.sent),
        "control_folder": str(tmp_path / "control"),
    }
    settings.write_text(
        f"broker_transport_options = {folders | {'polling_interval': 0.02}!r}\n"
        "worker_lost_wait = 0.01\n"
    )
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "celeryconfig")
    monkeypatch.setenv("BROKER_URL", "filesystem://")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{environ['PYTHONPATH']}")
    return made


def send(count: int, first: int = 0) -> None:
    code = _SEND.format(first=first, count=count)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


CELERY = ("worker", "-c", "2", "-l", "warning", "--without-mingle", "--without-gossip")


@pytest.mark.long("starts a worker of Celery")
def test_a_task_is_done_once_although_its_process_died_before_it_was_acknowledged(
    jobs_observer: Observer, broker: Broker, tmp_path: Path, environ: dict[str, str]
) -> None:
    mark = Path(environ["DIE_ONCE"])
    mark.touch()
    send(1)
    with working(tmp_path / "log", "celery", "-A", "dying", *CELERY) as worker:
        eventually(lambda: broker.deliver() and not mark.exists(), 60)
        assert jobs_observer.ask(PAYOUTS) == 1  # committed
        # By its second delivery.
        eventually(lambda: broker.deliver() and jobs_observer.ask(LOGGED) == 1, 60)
        send(6, first=1)
        eventually(lambda: broker.deliver() and jobs_observer.ask(PAYOUTS) >= 7, 60)
        worker.stop()

    assert jobs_observer.ask(PAYOUTS) == 7
    assert "signal 9 (SIGKILL)" in worker.said()
    assert jobs_observer.ask(LOGGED) == 7, worker.said()
    assert not [*broker.sent.iterdir(), *broker.queue.iterdir()]
    eventually(lambda: not jobs_observer.backends())


def test_the_end_of_a_worker_stores_its_logs_and_closes_its_database(
    jobs_url: str, jobs_observer: Observer
) -> None:
    """As in the pools of threads, whose worker is one process."""
    app, config = Celery("jobs", set_as_current=False), configured(jobs_url)
    db, log = install(app, config), LogWriter(config)
    payouts.pay(db, "a", 1)
    for order in range(3):
        log.offer(Timing(total_ms=1, outcome="succeeded", order_id=str(order)))
    worker_shutdown.send(sender=None)

    assert jobs_observer.ask(LOGGED) == 3
    with pytest.raises(UnavailableError, match="closed"):
        payouts.count_all(db)
    eventually(lambda: not jobs_observer.backends())


def test_an_application_of_celery_has_one_database(jobs_url: str) -> None:
    app, config = Celery("jobs", set_as_current=False), configured(jobs_url)
    install(app, config).close()
    with pytest.raises(ParameterError, match="has oadb already; call it once"):
        install(app, config)


def test_a_task_that_fails_leaves_no_claim(jobs_url: str, jobs_observer: Observer) -> None:
    with Database(configured(jobs_url)) as db:
        with pytest.raises(ParameterError):
            payouts.pay(db, "again", "no number")  # type: ignore[arg-type]  # on purpose
        assert payouts.pay(db, "again", 1)
        assert not payouts.pay(db, "again", 1)

    assert jobs_observer.ask(PAYOUTS) == 1
