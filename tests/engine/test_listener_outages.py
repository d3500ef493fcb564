"""Listeners in outages: they connect again, at growing intervals, until they are stopped."""

import logging
import threading
from collections.abc import Generator
from time import monotonic
from typing import Any

import pytest

from oadb.engine import listener
from oadb.engine.listener import Listening, Notification
from oadb.testing.control import ServerControl, controlled
from tests.faults.proxy import Proxy
from tests.support.listeners import Listen, notify, take
from tests.support.log_records import logged
from tests.support.rig import Observer, eventually, threads


@pytest.fixture(scope="module")
def victim() -> Generator[ServerControl]:
    with controlled() as server:
        yield server


def test_a_terminated_listener_yields_listening_again_and_receives_notifications(
    listen: Listen, url: str, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "oadb.listener"), listen(url, "news") as events:
        notify(observer, "news", "first")
        assert take(events, 2) == [Listening(), Notification("news", "first")]
        observer.terminate()
        assert take(events, 1) == [Listening()]
        notify(observer, "news", "second")
        assert take(events, 1) == [Notification("news", "second")]

    assert [record.levelname for record in logged(caplog, "oadb.listener")] == ["WARNING", "INFO"]


@pytest.mark.fault
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_listener_survives_an_outage_and_logs_its_start_and_its_end(
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
        eventually(lambda: len(logged(caplog, "oadb.listener")) == 1)
        victim.start()
        assert waiting.result() == [Listening()]
        notify(Observer(victim.url), "news", "back")
        assert take(events, 1) == [Notification("news", "back")]

    assert [record.levelname for record in logged(caplog, "oadb.listener")] == ["WARNING", "INFO"]


def test_pauses_between_attempts_to_connect_grow(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[float, float]] = []

    def no_pause(least: float, most: float) -> float:
        ranges.append((least, most))
        return 0.0

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "between", no_pause)
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


def test_a_failed_attempt_is_repeated_after_its_pause(
    listen: Listen, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def pause(_: float, __: float) -> float:
        failed.set()
        return 0.7

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "between", pause)
        proxy.refuse()
        proxy.cut()
        waiting = pool.submit(take, events, 1)
        assert failed.wait(10)
        started = monotonic()
        proxy.accept()
        assert waiting.result() == [Listening()]
        assert monotonic() - started > 0.5


def test_a_connection_that_no_longer_answers_is_replaced(
    listen: Listen, proxy: Proxy, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_SILENCE", 0.1)
    monkeypatch.setattr(listener, "_PATIENCE", 0.3)
    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        before = observer.backends()
        proxy.pause()
        waiting = pool.submit(take, events, 1)
        eventually(lambda: len(proxy.ends) > 2)  # it connects again
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


def test_another_thread_ends_the_wait_for_a_silent_server(
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

    def long_pause(_: float, __: float) -> float:
        paused.set()
        return 60.0

    with listen(proxy.url, "news") as events, threads(1) as pool:
        take(events, 1)
        monkeypatch.setattr(listener, "between", long_pause)
        proxy.refuse()
        proxy.cut()
        waiting = pool.submit(list, events)
        assert paused.wait(10)
        started = monotonic()
        events.stop()

        assert waiting.result() == []
        assert monotonic() - started < 1
