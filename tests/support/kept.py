"""A connection for questions to the server that is kept for the next question.

A new one for each question costs 10 ms of both cores; tests that wait for a condition ask often.
"""

import atexit
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from oadb.engine.direct_connection import is_usable

Connection = psycopg.Connection[Any]

NAME = "observer"
"""Its application name. The server shows a session for a moment after its client left, so that one
is told apart from clients by its name, not by its number."""


@dataclass(frozen=True, slots=True)
class _Kept:
    url: str
    process: int
    connection: Connection


# The one used last: tests ask one server at a time. Taken while a thread uses it.
_kept: list[_Kept] = []


@contextmanager
def connected(url: str) -> Generator[Connection]:
    """Give a connection in autocommit mode; settings made in it would reach the next user."""
    connection = _taken(url) or _new(url)
    try:
        yield connection
    finally:
        forget()
        _kept.append(_Kept(url, os.getpid(), connection))


def _new(url: str) -> Connection:
    return psycopg.connect(url, autocommit=True, prepare_threshold=None, application_name=NAME)


@atexit.register
def forget() -> None:
    """Close the connection that is kept, if any."""
    while _kept:
        kept = _kept.pop()
        # A forked child leaves the connection to its parent.
        if kept.process == os.getpid():
            kept.connection.close()


def _taken(url: str) -> Connection | None:
    try:
        kept = _kept.pop()
    except IndexError:
        return None
    if (kept.url, kept.process) == (url, os.getpid()) and is_usable(kept.connection):
        return kept.connection
    _kept.append(kept)
    forget()
    return None
