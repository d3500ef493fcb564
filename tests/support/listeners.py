"""Listeners, sync and async behind one interface."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Self

from oadb.engine.driver import Driver
from oadb.engine.listener import AsyncListener, Event, Listener
from tests.support.rig import Loop, Observer, config


class ListenerOnLoop:
    """An AsyncListener with the interface of a Listener."""

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
        # A StopAsyncIteration would not pass through the loop.
        event = self._loop.wait_for(_next_or_none(self._inner))
        if event is None:
            raise StopIteration
        return event


async def _next_or_none(inner: AsyncListener) -> Event | None:
    try:
        return await anext(inner)
    except StopAsyncIteration:
        return None


AnyListener = Listener | ListenerOnLoop
Listen = Callable[..., AnyListener]


def new_listener(driver: Driver, url: str, *channels: str, **settings: object) -> AsyncListener:
    chosen = config(url, **settings)
    return AsyncListener(chosen, driver, chosen.connection_keywords, *channels)


def take(events: AnyListener, count: int) -> list[Event]:
    """Return the next events; fewer if they do not arrive within 10 s."""
    timer = threading.Timer(10, events.stop)
    timer.start()
    try:
        return list(islice(events, count))
    finally:
        timer.cancel()


def notify(observer: Observer, channel: str, *payloads: str) -> None:
    for payload in payloads:
        observer.ask("select pg_notify(%s, %s)", channel, payload)
