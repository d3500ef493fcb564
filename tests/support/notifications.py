"""What a listener receives while something is done."""

from collections.abc import Callable

import psycopg

from oadb.changes import announcements
from oadb.changes.announcements import Change

_END = "the end"


def payloads(
    url: str, work: Callable[[], object], channel: str = announcements.CHANNEL
) -> list[str]:
    """Return the payloads that a listener receives while *work* is done, in order."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"listen {channel}".encode())
        work()
        connection.execute(f"notify {channel}, '{_END}'".encode())
        received: list[str] = []
        for notice in connection.notifies(timeout=10):
            if notice.payload == _END:
                return received
            received.append(notice.payload)
    raise AssertionError("the listener did not receive the last notification")


def heard(url: str, work: Callable[[], object]) -> list[Change]:
    """Return the changes that are announced while *work* is done."""
    return [announcements.parse(payload) for payload in payloads(url, work)]
