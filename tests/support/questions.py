"""Questions of OpenAlgo's callers to oadb, and the answers in one word each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg

from oadb import Page, Refusal
from oadb.errors import Error

Cases = dict[str, str]
"""What is said in each case: none, unknown, expired, revoked."""

Answers = Iterator[tuple[str, Cases]]
"""The cases of OpenAlgo's functions, by the name of each; a name may come several times."""

NOBODY = 2**62
"""An id that no row has."""


def said(call: Callable[[], object]) -> str:
    """Return in one word what a call returns or raises."""
    try:
        found = call()
    except (Error, psycopg.Error) as error:
        return type(error).__name__
    if isinstance(found, Refusal):
        return found.name
    if isinstance(found, (list, Page)):
        rows: list[object] = [*found]
        return f"[{type(rows[0]).__name__}]" if rows else "[]"
    if found is None or isinstance(found, (bool, int, str)):
        return repr(found)
    return type(found).__name__ if found else f"{type(found).__name__}, false"


def asked(ask: Callable[[Any], object], **cases: object) -> Cases:
    """Return what *ask* says to the argument of each case."""
    return {case: said(partial(ask, given)) for case, given in cases.items()}
