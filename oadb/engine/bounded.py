"""Waits that end: an exchange with the server, of which somebody looks at the time."""

from collections.abc import Callable
from time import monotonic

import psycopg

from oadb.engine.wire import Exchange

Look = Callable[[float], float]
"""Called with the seconds waited so far, at first 0; returns the seconds until it is called again,
or raises a psycopg.Error, which ends the wait."""


def at_most(seconds: float, what: str) -> Look:
    """Return a Look that ends a wait after *seconds*; *what* did not answer."""

    def look(waited: float) -> float:
        if waited >= seconds:
            raise psycopg.OperationalError(f"{what} has not answered for {seconds:g} s")
        return seconds - waited

    return look


def bounded(exchange: Exchange, look: Look) -> Exchange:
    """Run *exchange*; *look* is called while it waits for the server.

    Raises:
        psycopg.Error: what *look* raises; the connection cannot be used any more.
    """
    started = monotonic()
    due = started + look(0.0)
    try:
        wanted = next(exchange)
        while True:
            # What arrived is read before anyone looks at the time.
            wanted = exchange.send((yield wanted))
            if (now := monotonic()) >= due:
                pause = look(now - started)
                due = monotonic() + pause
    except StopIteration as done:
        return done.value
