"""What a listener hears, and what becomes of it when a connection, a server or a caller goes."""

import asyncio
import logging
import os
import signal
import stat
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from itertools import islice
from time import monotonic
from typing import Any, Self

import psycopg
import pytest

from oadb.engine import dsn, listener
from oadb.engine.driver import AsyncioDriver, BlockingDriver
from oadb.engine.listener import AsyncListener, Event, Listener, Listening, Notification
from oadb.errors import ConfigError, ParameterError, UnavailableError
from oadb.testing.control import ServerControl, controlled
from tests.faults.proxy import Proxy
from tests.faults.test_fork import in_child
from tests.support.rig import COLOURS, Loop, Observer, config, eventually, threads


class OnLoop:
    """An AsyncListener, as a Listener."""

    def __init__(self, inner: AsyncListener, loop: Loop) -> None:
        self._inner = inner
        self._loop = loop
        self.stop = inner.stop

    def __enter__(self) -> Self:
        self._loop.wait_for(self._inner.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.wait_for(self._inner.__aexit__())

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        # A StopAsyncIteration would be lost on its way through the loop.
        event = self._loop.wait_for(_next_or_none(self._inner))
        if event is None:
            raise StopIteration
        return event


async def _next_or_none(inner: AsyncListener) -> Event | None:
    try:
        return await anext(inner)
    except StopAsyncIteration:
        return None


Ear = Listener | OnLoop
Listen = Callable[..., Ear]


def new(io: Any, url: str, *channels: str, **settings: Any) -> AsyncListener:
    chosen = config(url, **settings)
    return AsyncListener(chosen, io, chosen.connection_keywords, *channels)


@pytest.fixture(params=[*COLOURS])
def listen(request: pytest.FixtureRequest) -> Generator[Listen]:
    """Give a function that makes listeners of either colour."""
    if request.param == "sync":
        yield lambda *args, **settings: Listener(new(BlockingDriver(), *args, **settings))
        return
    loop = Loop()
    try:
        yield lambda *args, **settings: OnLoop(new(AsyncioDriver(), *args, **settings), loop)
    finally:
        loop.stop()


@pytest.fixture
def proxy(url: str) -> Generator[Proxy]:
    with Proxy(dsn.parse(url).keywords) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def victim() -> Generator[ServerControl]:
    with controlled() as server:
        yield server


def take(events: Ear, count: int) -> list[Event]:
    """Return the next events; fewer if they do not come within 10 s."""
    timer = threading.Timer(10, events.stop)
    timer.start()
    try:
        return list(islice(events, count))
    finally:
        timer.cancel()


def notify(observer: Observer, channel: str, *payloads: str) -> None:
    for payload in payloads:
        observer.ask("select pg_notify(%s, %s)", channel, payload)


# What is heard ---------------------------------------------------------------------------------


def test_listening_comes_first_and_then_what_is_notified(
    listen: Listen, url: str, observer: Observer
) -> None:
    notify(observer, "news", "before anyone listens")
    with listen(url, "news") as events:
        notify(observer, "news", "one", "two")
        heard = take(events, 3)

    assert heard == [Listening(), Notification("news", "one"), Notification("news", "two")]


def test_what_arrives_with_the_first_answer_comes_after_listening(url: str) -> None:
    inner = new(BlockingDriver(), url, "news")
    inner._statement += psycopg.sql.SQL("; notify news, 'with the answer'")
    with Listener(inner) as events:
        assert take(events, 2) == [Listening(), Notification("news", "with the answer")]


def test_a_notification_wakes_a_caller_that_waits(
    listen: Listen, url: str, observer: Observer
) -> None:
    with listen(url, "news") as events, threads(1) as pool:
        take(events, 1)
        waiting = pool.submit(take, events, 1)
        notify(observer, "news", "wake up")
        started = monotonic()

        assert waiting.result() == [Notification("news", "wake up")]
        assert monotonic() - started < 2


def test_what_is_not_committed_is_not_heard(listen: Listen, url: str, observer: Observer) -> None:
    with listen(url, "news") as events, psycopg.connect(url) as writer:
        writer.execute("notify news, 'later'")
        writer.execute("savepoint one")
        writer.execute("notify news, 'never'")
        writer.execute("rollback to one")
        notify(observer, "news", "at once")
        heard = take(events, 2)
        writer.commit()
        heard += take(events, 1)

    payloads = [event.payload for event in heard if isinstance(event, Notification)]
    assert payloads == ["at once", "later"]


def test_several_channels_are_told_apart_and_others_are_not_heard(
    listen: Listen, url: str, observer: Observer
) -> None:
    longest = "_" + "x" * 62
    with listen(url, "news", "select", longest) as events:
        for channel in ("news", "other", "select", longest):
            notify(observer, channel, f"on {channel}")
        heard = take(events, 4)

    assert heard[1:] == [Notification(name, f"on {name}") for name in ("news", "select", longest)]


def test_nothing_is_lost_while_the_caller_is_busy(
    listen: Listen, url: str, observer: Observer
) -> None:
    payloads = [f"{number} {'x' * 5000}" for number in range(500)]
    with listen(url, "news") as events:
        take(events, 1)
        observer.rows("select pg_notify('news', n) from unnest(%s::text[]) as n", payloads)
        heard = take(events, 500)

    assert heard == [Notification("news", payload) for payload in payloads]


def test_what_arrives_with_a_sign_of_life_is_heard(
    listen: Listen, proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.0)
    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        proxy.delay(0.5)
        sent = proxy.bytes_sent
        waiting = pool.submit(take, events, 1)
        eventually(lambda: proxy.bytes_sent > sent)
        notify(observer, "news", "meanwhile")

        assert waiting.result() == [Notification("news", "meanwhile")]


# Connections that are lost -----------------------------------------------------------------------


def test_a_listener_that_was_terminated_says_listening_again_and_hears_on(
    listen: Listen, url: str, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "oadb.listener"), listen(url, "news") as events:
        notify(observer, "news", "heard")
        eventually(lambda: len(observer.backends("idle")) == 1)
        observer.terminate()
        first = take(events, 3)
        notify(observer, "news", "heard again")
        second = take(events, 1)

    assert first == [Listening(), Notification("news", "heard"), Listening()]
    assert second == [Notification("news", "heard again")]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.fault
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_listener_outlives_an_outage_and_logs_its_start_and_its_end(
    listen: Listen, victim: ServerControl, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, "oadb.listener"),
        listen(victim.url, "news") as events,
        threads(1) as pool,
    ):
        assert take(events, 1) == [Listening()]
        victim.stop(mode)
        waiting = pool.submit(take, events, 1)
        eventually(lambda: len(caplog.records) == 1)
        victim.start()
        assert waiting.result() == [Listening()]
        notify(Observer(victim.url), "news", "back")
        assert take(events, 1) == [Notification("news", "back")]

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_attempts_to_connect_come_more_and_more_seldom(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[float, float]] = []

    def at_once(least: float, most: float) -> float:
        ranges.append((least, most))
        return 0.0

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "uniform", at_once)
        proxy.refuse()
        proxy.cut()
        waiting = pool.submit(take, events, 1)
        eventually(lambda: len(ranges) >= 8)
        proxy.accept()
        assert waiting.result() == [Listening()]

    longest = [most for _, most in ranges]
    assert longest == sorted(longest)
    assert longest[0] == pytest.approx(0.1)
    assert longest[6:8] == [5.0, 5.0]
    assert all(least == most / 2 for least, most in ranges)


def test_an_attempt_that_failed_is_not_repeated_before_its_pause_is_over(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def pause(_: float, __: float) -> float:
        failed.set()
        return 0.7

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "uniform", pause)
        proxy.refuse()
        proxy.cut()
        waiting = pool.submit(take, events, 1)
        assert failed.wait(10)
        started = monotonic()
        proxy.accept()
        assert waiting.result() == [Listening()]
        assert monotonic() - started > 0.5


def test_a_connection_that_answers_no_more_is_replaced(
    listen: Listen, proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.1)
    monkeypatch.setattr(listener, "_PATIENCE", 0.3)
    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        before = observer.backends()
        proxy.pause()
        waiting = pool.submit(take, events, 1)
        eventually(lambda: len(proxy.ends) > 2)  # it connects anew
        proxy.resume()
        assert waiting.result() == [Listening()]
        assert set(observer.backends()) - set(before)
        notify(observer, "news", "through the new one")
        assert take(events, 1) == [Notification("news", "through the new one")]


def test_a_quiet_connection_is_kept(
    listen: Listen, proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.0)
    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        before = proxy.round_trips
        waiting = pool.submit(take, events, 1)
        eventually(lambda: proxy.round_trips >= before + 3)
        notify(observer, "news", "at last")

        assert waiting.result() == [Notification("news", "at last")]


# Ends ------------------------------------------------------------------------------------------


def test_leaving_the_block_closes_the_connection(
    listen: Listen, url: str, observer: Observer
) -> None:
    with listen(url, "news") as events:
        assert len(observer.backends()) == 1
        for _ in events:
            break

    eventually(lambda: not observer.backends())
    assert list(events) == []


def test_another_thread_ends_the_iteration(listen: Listen, url: str, observer: Observer) -> None:
    heard: list[Event] = []
    with listen(url, "news") as events, threads(1) as pool:
        waiting = pool.submit(heard.extend, events)
        eventually(lambda: heard)
        started = monotonic()
        events.stop()
        waiting.result()

        assert heard == [Listening()]
        assert monotonic() - started < 1

    eventually(lambda: not observer.backends())


def test_another_thread_ends_the_wait_for_a_server_that_is_silent(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.0)
    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        proxy.pause()
        sent = proxy.bytes_sent
        waiting = pool.submit(list, events)
        eventually(lambda: proxy.bytes_sent > sent)
        started = monotonic()
        events.stop()

        assert waiting.result() == []
        assert monotonic() - started < 1


def test_another_thread_ends_the_iteration_in_an_outage(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = threading.Event()

    def long(_: float, __: float) -> float:
        paused.set()
        return 60.0

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "uniform", long)
        proxy.refuse()
        proxy.cut()
        waiting = pool.submit(list, events)
        assert paused.wait(10)
        started = monotonic()
        events.stop()

        assert waiting.result() == []
        assert monotonic() - started < 1


def test_ctrl_c_ends_a_wait_and_closes_the_connection(url: str, observer: Observer) -> None:
    waits = threading.Event()

    def interrupt() -> None:
        waits.wait(10)
        signal.raise_signal(signal.SIGINT)

    def work() -> None:
        with Listener(new(BlockingDriver(), url, "news")) as events:
            for _ in events:
                waits.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    thread.join()

    eventually(lambda: not observer.backends())


async def test_a_cancelled_task_closes_the_connection(url: str, observer: Observer) -> None:
    heard: list[Event] = []

    async def work() -> None:
        async with new(AsyncioDriver(), url, "news") as events:
            async for event in events:
                heard.append(event)  # noqa: PERF401 - seen while it grows

    task = asyncio.create_task(work())
    await asyncio.to_thread(eventually, lambda: heard)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(eventually, lambda: not observer.backends())


# Older ones cancel with the interpreter locked, and the proxy is in this process.
@pytest.mark.skipif(not psycopg.capabilities.has_cancel_safe(), reason="libpq before 17")
async def test_a_task_cancelled_while_it_asks_for_a_sign_of_life_ends_soon(
    proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.0)
    async with new(AsyncioDriver(), proxy.url, "news") as events:
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


async def test_a_wait_that_was_given_up_loses_nothing(url: str, observer: Observer) -> None:
    async with new(AsyncioDriver(), url, "news") as events:
        assert await anext(events) == Listening()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)
        await asyncio.to_thread(notify, observer, "news", "later")

        assert await asyncio.wait_for(anext(events), 10) == Notification("news", "later")


async def test_short_waits_ask_for_a_sign_of_life_as_well(
    url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.4)
    async with new(AsyncioDriver(), url, "news") as events:
        assert await anext(events) == Listening()
        [pid] = observer.backends()
        for _ in range(8):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.15)

        last = "select query from pg_stat_activity where pid = %s"
        assert await asyncio.to_thread(observer.ask, last, pid) == "", "it asked, with nothing"


async def test_a_wait_given_up_in_an_outage_goes_on_connecting(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "oadb.listener"):
        async with new(AsyncioDriver(), proxy.url, "news") as events:
            assert await anext(events) == Listening()
            proxy.refuse()
            proxy.cut()
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.3)
            proxy.accept()

            assert await asyncio.wait_for(anext(events), 10) == Listening()

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "channels",
    [(), ("",), ("News",), ("1st",), ("a b",), ("x" * 64,), ("news\n",), ('a"; drop',), ("a", "é")],
)
def test_a_channel_without_a_plain_name_is_refused(listen: Listen, channels: Any) -> None:
    with pytest.raises(ParameterError, match="channels"):
        listen("postgresql://nobody@127.0.0.1:1/none", *channels)


def test_a_server_that_cannot_be_reached_at_first_is_told_at_once(listen: Listen) -> None:
    started = monotonic()
    with pytest.raises(UnavailableError, match="refused"), ExitStack() as entered:
        entered.enter_context(listen("postgresql://nobody@127.0.0.1:1/none", "news"))

    assert monotonic() - started < 2


def test_a_server_that_refuses_to_listen_at_first_leaves_no_connection(
    listen: Listen, url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "Identifier", lambda _: psycopg.sql.SQL("'no name'"))
    with pytest.raises(UnavailableError, match="syntax error"), ExitStack() as entered:
        entered.enter_context(listen(url, "news"))

    eventually(lambda: not observer.backends())


def test_a_pooler_that_cannot_listen_is_refused(listen: Listen, url: str) -> None:
    with pytest.raises(ConfigError, match=r"DB_POOLER.*direct connection"):
        listen(url, "news", pooler="pgbouncer")


def test_a_listener_that_was_not_entered_is_refused(listen: Listen, url: str) -> None:
    with pytest.raises(UnavailableError, match="enter the listener"):
        next(listen(url, "news"))


# Forks -----------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_fork_neither_listens_on_nor_ends_the_connection_of_its_parent(
    url: str, observer: Observer
) -> None:
    with Listener(new(BlockingDriver(), url, "news")) as events:
        take(events, 1)
        socket = events._inner._connection.pgconn.socket

        assert "enter the listener" in in_child(lambda: next(events))
        assert in_child(lambda: stat.S_ISSOCK(os.fstat(socket).st_mode)) == "False"
        assert in_child(events.__exit__) == "None"
        notify(observer, "news", "for the parent")
        assert take(events, 1) == [Notification("news", "for the parent")]
