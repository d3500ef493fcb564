"""Listeners in asyncio: cancelled tasks, and waits with a timeout."""

import asyncio
import logging
from time import monotonic

import psycopg
import pytest

from oadb.engine import listener
from oadb.engine.driver import AsyncioDriver
from oadb.engine.listener import Event, Listening, Notification
from tests.faults.proxy import Proxy
from tests.support.listeners import new_listener, notify
from tests.support.log_records import logged
from tests.support.rig import Observer, eventually


async def test_a_cancelled_task_closes_the_connection(url: str, observer: Observer) -> None:
    received: list[Event] = []

    async def work() -> None:
        async with new_listener(AsyncioDriver(), url, "news") as events:
            async for event in events:
                received.append(event)  # noqa: PERF401  # read by the test meanwhile

    task = asyncio.create_task(work())
    await asyncio.to_thread(eventually, lambda: received)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(eventually, lambda: not observer.backends())


# Older versions cancel with the interpreter locked, but the proxy runs in this process.
@pytest.mark.skipif(not psycopg.capabilities.has_cancel_safe(), reason="libpq before 17")
async def test_a_task_cancelled_while_it_checks_the_server_ends_soon(
    proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.0)
    async with new_listener(AsyncioDriver(), proxy.url, "news") as events:
        assert await anext(events) == Listening()
        proxy.delay(0.3)
        sent = proxy.bytes_sent
        task = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(eventually, lambda: proxy.bytes_sent > sent)
        started = monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 15)
        assert monotonic() - started < 3

        await asyncio.to_thread(notify, observer, "news", "later")
        assert await asyncio.wait_for(anext(events), 10) == Notification("news", "later")


async def test_a_wait_that_timed_out_loses_no_notification(url: str, observer: Observer) -> None:
    async with new_listener(AsyncioDriver(), url, "news") as events:
        assert await anext(events) == Listening()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)
        await asyncio.to_thread(notify, observer, "news", "later")

        assert await asyncio.wait_for(anext(events), 10) == Notification("news", "later")


@pytest.mark.long("waits for checks of the server")
async def test_short_waits_check_the_server_as_well(
    url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.4)
    async with new_listener(AsyncioDriver(), url, "news") as events:
        assert await anext(events) == Listening()
        [pid] = observer.keeps(1)
        for _ in range(8):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.15)

        last = "select query from pg_stat_activity where pid = %s"
        assert await asyncio.to_thread(observer.ask, last, pid) == "", (
            "the empty statement of the check"
        )


async def test_after_a_timeout_in_an_outage_the_next_wait_goes_on_connecting(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "oadb.listener"):
        async with new_listener(AsyncioDriver(), proxy.url, "news") as events:
            assert await anext(events) == Listening()
            proxy.refuse()
            proxy.cut()
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.3)
            proxy.accept()

            assert await asyncio.wait_for(anext(events), 10) == Listening()

    assert [record.levelname for record in logged(caplog, "oadb.listener")] == ["WARNING", "INFO"]
