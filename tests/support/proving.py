"""Key rings for tests of proof, and a database that is opened with them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.security.keyring import Key, KeyRing
from tests.support.roots import some_root

MADE = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Key(1, "primary", MADE, some_root(1))
SECOND = Key(2, "decrypt-only", MADE, some_root(2))
THIRD = Key(3, "decrypt-only", MADE, some_root(3))
STRANGER = replace(FIRST, root=some_root(4))
"""Another key with the id of FIRST."""

ONE = KeyRing([FIRST])
TWO = KeyRing([FIRST, SECOND])

PASSWORD = Secret("correct horse")

Rows = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def oadb_database_url(url: str) -> str:
    """Give the database of a module, emptied: faster than a new one for each test."""
    with psycopg.connect(url) as connection:
        connection.execute("truncate oadb.key_canaries, oadb.users restart identity cascade")
    return url


class UndoError(Exception):
    """Rolls a transaction back."""


@contextmanager
def opened(config: Config, ring: KeyRing | None) -> Generator[Database]:
    """Open the database of *config* as a process with this ring does."""
    with Database(replace(config, keyring=ring)) as db:
        yield db


def is_proven(db: Database | AsyncDatabase) -> bool:
    inner = db if isinstance(db, AsyncDatabase) else db._inner
    return inner.vault.proven
