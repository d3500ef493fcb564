"""The shop that rents films, with the rows of its seed."""

import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from oadb import Database, Transaction
from oadb.engine import dsn
from oadb.engine.binding.packages import Package, find
from oadb.testing.servers import Server
from oadb.tools.migrations import runner

sys.path.insert(0, str(Path(__file__).parent / "src"))

from rentals import seed  # as if it were installed


class _UndoError(Exception):
    """Ends the transaction of a test."""


@pytest.fixture(scope="package")
def rentals() -> Package:
    return find("rentals")


@pytest.fixture(scope="package")
def rentals_url(oadb_server: Server, rentals: Package) -> Generator[str]:
    with oadb_server.clone("template1") as url:
        runner.migrate(dsn.parse(url), packages=[rentals])
        with Database.from_url(url) as db:
            seed.plant(db)
        yield url


@pytest.fixture(scope="package")
def planted(rentals_url: str) -> Generator[Database]:
    """Give the database with the rows of the seed, which stay as they are."""
    with Database.from_url(rentals_url) as db:
        yield db


@pytest.fixture
def changing(planted: Database) -> Generator[Transaction]:
    """Give a transaction with the rows of the seed, undone after the test."""
    with suppress(_UndoError), planted.transaction() as tx:
        yield tx
        raise _UndoError
