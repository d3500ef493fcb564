"""Listeners: the events that they yield, how they end, and what they refuse."""

import os
import signal
import stat
import threading
from contextlib import ExitStack
from time import monotonic
from typing import Any

import psycopg
import pytest

from oadb.engine import listener
from oadb.engine.driver import BlockingDriver
from oadb.engine.listener import Event, Listener, Listening, Notification
from oadb.errors import ConfigError, ParameterError, UnavailableError
from tests.faults.proxy import Proxy
from tests.support.forks import in_child
from tests.support.listeners import Listen, new_listener, notify, take
from tests.support.rig import Observer, eventually, threads

# Events ----------------------------------------------------------------------------------------


def test_listening_comes_first_and_then_the_notifications(
    listen: Listen, url: str, observer: Observer
) -> None:
    notify(observer, "news", "before anybody listens")
    with listen(url, "news") as events:
        notify(observer, "news", "one", "two")
        received = take(events, 3)

    assert received == [Listening(), Notification("news", "one"), Notification("news", "two")]


def test_a_notification_that_arrives_with_the_first_answer_comes_after_listening(url: str) -> None:
    inner = new_listener(BlockingDriver(), url, "news")
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


def test_a_notification_arrives_when_its_transaction_commits(
    listen: Listen, url: str, observer: Observer
) -> None:
    with listen(url, "news") as events, psycopg.connect(url) as writer:
        writer.execute("notify news, 'later'")
        writer.execute("savepoint one")
        writer.execute("notify news, 'never'")
        writer.execute("rollback to one")
        notify(observer, "news", "at once")
        received = take(events, 2)
        writer.commit()
        received += take(events, 1)

    payloads = [event.payload for event in received if isinstance(event, Notification)]
    assert payloads == ["at once", "later"]


def test_a_listener_receives_its_own_channels_only(
    listen: Listen, url: str, observer: Observer
) -> None:
    longest = "_" + "x" * 62
    with listen(url, "news", "select", longest) as events:
        for channel in ("news", "other", "select", longest):
            notify(observer, channel, f"on {channel}")
        received = take(events, 4)

    assert received[1:] == [
        Notification(name, f"on {name}") for name in ("news", "select", longest)
    ]


def test_nothing_is_lost_while_the_caller_is_busy(
    listen: Listen, url: str, observer: Observer
) -> None:
    payloads = [f"{number} {'x' * 5000}" for number in range(500)]
    with listen(url, "news") as events:
        take(events, 1)
        observer.rows("select pg_notify('news', n) from unnest(%s::text[]) as n", payloads)
        received = take(events, 500)

    assert received == [Notification("news", payload) for payload in payloads]


@pytest.mark.long("waits for a check of the server")
def test_a_notification_that_arrives_during_a_check_of_the_server_is_received(
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


# Ends ------------------------------------------------------------------------------------------


def test_leaving_the_block_closes_the_connection(
    listen: Listen, url: str, observer: Observer
) -> None:
    with listen(url, "news") as events:
        observer.keeps(1)
        for _ in events:
            break

    eventually(lambda: not observer.backends())
    assert list(events) == []


def test_another_thread_ends_the_iteration(listen: Listen, url: str, observer: Observer) -> None:
    received: list[Event] = []
    with listen(url, "news") as events, threads(1) as pool:
        waiting = pool.submit(received.extend, events)
        eventually(lambda: received)
        started = monotonic()
        events.stop()
        waiting.result()

        assert received == [Listening()]
        assert monotonic() - started < 1

    eventually(lambda: not observer.backends())


def test_ctrl_c_ends_a_wait_and_closes_the_connection(url: str, observer: Observer) -> None:
    waits = threading.Event()

    def interrupt() -> None:
        waits.wait(10)
        signal.raise_signal(signal.SIGINT)

    def work() -> None:
        with Listener(new_listener(BlockingDriver(), url, "news")) as events:
            for _ in events:
                waits.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    thread.join()

    eventually(lambda: not observer.backends())


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "channels",
    [(), ("",), ("News",), ("1st",), ("a b",), ("x" * 64,), ("news\n",), ('a"; drop',), ("a", "é")],
)
def test_an_invalid_channel_is_refused(listen: Listen, channels: Any) -> None:
    with pytest.raises(ParameterError, match="channels"):
        listen("postgresql://nobody@127.0.0.1:1/none", *channels)


def test_entering_raises_at_once_if_the_server_cannot_be_reached(listen: Listen) -> None:
    started = monotonic()
    with pytest.raises(UnavailableError, match="refused"), ExitStack() as entered:
        entered.enter_context(listen("postgresql://nobody@127.0.0.1:1/none", "news"))

    assert monotonic() - started < 2


def test_entering_leaves_no_connection_if_the_server_refuses_to_listen(
    listen: Listen, url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "Identifier", lambda _: psycopg.sql.SQL("'no name'"))
    with pytest.raises(UnavailableError, match="syntax error"), ExitStack() as entered:
        entered.enter_context(listen(url, "news"))

    eventually(lambda: not observer.backends())


def test_a_listener_behind_pgbouncer_is_refused(listen: Listen, url: str) -> None:
    with pytest.raises(ConfigError, match=r"DB_POOLER.*direct connection"):
        listen(url, "news", pooler="pgbouncer")


def test_a_listener_that_was_not_entered_is_refused(listen: Listen, url: str) -> None:
    with pytest.raises(UnavailableError, match="enter the listener"):
        next(listen(url, "news"))


# Forks -----------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_neither_uses_nor_ends_the_connection_of_its_parent(
    url: str, observer: Observer
) -> None:
    with Listener(new_listener(BlockingDriver(), url, "news")) as events:
        take(events, 1)
        socket = events._inner._connection.pgconn.socket

        assert "enter the listener" in in_child(lambda: next(events))
        assert in_child(lambda: stat.S_ISSOCK(os.fstat(socket).st_mode)) == "False"
        assert in_child(events.__exit__) == "None"
        notify(observer, "news", "for the parent")
        assert take(events, 1) == [Notification("news", "for the parent")]
