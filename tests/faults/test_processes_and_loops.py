"""Children of multiprocessing, gevent's greenlets, and the event loop of uvloop."""

import asyncio
import os
import signal
import subprocess
import sys
from time import monotonic

import pytest
import uvloop

from oadb.engine.database import AsyncDatabase
from oadb.errors import UnavailableError
from tests.faults.cancellations import cancel_tasks
from tests.support import pool_probes as probes
from tests.support.rig import Observer, config, eventually

pytestmark = pytest.mark.fault


def output(*command: str, **environment: str) -> str:
    """Run Python with *command*; return what it wrote."""
    run = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.holds("F44")
def test_children_use_the_database_of_a_module_of_their_parent(
    method: str, url: str, observer: Observer
) -> None:
    program = f"from tests.faults import module_level; module_level.main('{method}')"
    refusal = output("-c", program, OADB_MODULE_LEVEL_URL=url)

    assert "make one in each process" in refusal, "a Database is not passed to a child"
    eventually(lambda: not observer.backends())


def test_greenlets_share_a_database(url: str) -> None:
    parts = output("-m", "gevent.monkey", "--module", "tests.faults.greenlets", url)

    assert parts.split() == [
        *("share_connections", "keep_deadlines", "kill_callers", "survive_a_cut", "write_notes"),
    ]


@pytest.fixture
def runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def test_a_burst_on_uvloop_is_served(url: str, runner: asyncio.Runner) -> None:
    async def burst() -> list[int | None]:
        async with AsyncDatabase(config(url, pool_size=2, max_overflow=2)) as db:
            return await asyncio.gather(*(probes.echo(db, number) for number in range(300)))

    with runner:
        assert runner.run(burst()) == [*range(300)]


def test_a_call_on_uvloop_ends_at_its_deadline(url: str, runner: asyncio.Runner) -> None:
    async def call_a_stopped_session() -> float:
        settings = config(url, pool_size=1, max_overflow=0, call_deadline_seconds=0.5)
        async with AsyncDatabase(settings) as db:
            pid, started = await probes.backend(db), monotonic()
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(UnavailableError, match="before the deadline"):
                    await probes.one(db)
                took = monotonic() - started
                assert await probes.one(db) == 1
            finally:
                os.kill(pid, signal.SIGCONT)
            return took

    with runner:
        assert runner.run(call_a_stopped_session()) < 1.5


@pytest.mark.holds("F45")
def test_cancellations_on_uvloop_lose_no_connection(url: str, runner: asyncio.Runner) -> None:
    with runner:
        ends = runner.run(cancel_tasks(url, 3.0, 1))

    assert ends["cancelled"] > 20
