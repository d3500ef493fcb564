"""LogWriter.record returns once a row is committed, or raises what is known of it."""

import asyncio
import logging
from dataclasses import replace
from time import monotonic

import pytest

from oadb import Config
from oadb.engine import dsn
from oadb.errors import BusyError, OutcomeUnknownError, ParameterError, UnavailableError
from oadb.logs.writer import AsyncLogWriter, Limits, LogWriter
from tests.support.log_rows import request
from tests.support.rig import Observer, threads


def test_a_row_is_committed_when_record_returns(logs: LogWriter, observer: Observer) -> None:
    for number in range(20):
        logs.record(request(number))
        assert observer.ask("select count(*) from oadb.traffic") == number + 1


def test_rows_recorded_by_many_threads_share_transactions(
    logs: LogWriter, observer: Observer
) -> None:
    with threads(16) as pool:
        list(pool.map(lambda number: logs.record(request(number), timeout_seconds=30), range(400)))

    assert observer.ask("select count(distinct path) from oadb.traffic") == 400
    assert logs.stats().batches < 400


@pytest.fixture
def nowhere(config: Config) -> Config:
    """Give a configuration with the address of no server."""
    return replace(config, dsn=dsn.parse("postgresql://nobody@127.0.0.1:9/none"))


def test_record_raises_if_a_row_is_not_stored_in_time(
    nowhere: Config, caplog: pytest.LogCaptureFixture
) -> None:
    logs = LogWriter(nowhere, limits=Limits(max_rows=100, flush_seconds=60))
    caplog.set_level(logging.ERROR, "psycopg.pool")
    with pytest.raises(OutcomeUnknownError, match="still being stored; do not write it again"):
        logs.record(request(1), timeout_seconds=0.2)
    with pytest.raises(UnavailableError, match="was not stored within"):
        logs.record(request(2), timeout_seconds=0.2)
    while logs.offer(request()):
        pass
    started = monotonic()
    with pytest.raises(BusyError, match="the queue was full for"):
        logs.record(request(3), timeout_seconds=0.2)

    assert monotonic() - started < 1
    assert logs.stats().accepted == 100, "a withdrawn row still counts until it is passed over"
    assert logs.close(deadline_seconds=0.1) == 100
    with pytest.raises(UnavailableError, match="was closed"):
        logs.record(request(4), timeout_seconds=0.2)


async def test_record_from_asyncio_raises_the_same_without_blocking_the_loop(
    nowhere: Config,
) -> None:
    logs = AsyncLogWriter(nowhere, limits=Limits(max_rows=100, flush_seconds=60, wait_seconds=0.2))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    with pytest.raises(OutcomeUnknownError):
        await logs.record(request(1), timeout_seconds=0.2)
    with pytest.raises(UnavailableError):
        await logs.record(request(2), timeout_seconds=0.2)
    task = asyncio.create_task(logs.record(request(3), timeout_seconds=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while await logs.offer(request()):
        pass
    with pytest.raises(BusyError):
        await logs.record(request(4), timeout_seconds=0.2)
    assert await logs.close(deadline_seconds=0.1) == 100
    assert not await logs.offer(request())
    ticking.cancel()

    assert ticks > 50


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), 1e9])
def test_an_impossible_timeout_is_refused(logs: LogWriter, timeout: float) -> None:
    with pytest.raises(
        ParameterError, match=r"^timeout_seconds must be a number from 0\.001 to 3,600$"
    ):
        logs.record(request(), timeout_seconds=timeout)
