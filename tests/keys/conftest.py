"""Fixtures of the tests of keys; those of every test are in tests/conftest.py."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from oadb import Config, Database
from oadb.keys import proof
from tests.support.proving import ONE, Rows, opened


@pytest.fixture
def first(config: Config) -> Generator[Database]:
    """Give a database that knows the first key, opened with a ring of that key."""
    with opened(config, ONE) as db:
        proof.prove(db)
        yield db


@pytest.fixture
def rows(oadb_database_url: str) -> Rows:
    """Give a function that reads the canaries, with the transaction and place of each row."""

    def read() -> list[tuple[Any, ...]]:
        with psycopg.connect(oadb_database_url) as connection:
            return connection.execute("""
                select key_id, canary, enrolled_at, xmin::text, ctid::text
                from oadb.key_canaries
                order by key_id
            """).fetchall()

    return read
