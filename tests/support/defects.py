"""What the tests of defects share: cheap hashing, a database, and users."""

from collections.abc import Generator
from itertools import count

import argon2
import pytest

from oadb import Database, Secret
from oadb.accounts import users
from oadb.security.passwords import Passwords
from tests.conftest import configured

PASSWORD, OTHER = Secret("correct horse"), Secret("another horse")
numbers = count(1)


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def other_process(url: str) -> Generator[Database]:
    """Give a database that shares nothing with ``db`` but the server."""
    with Database(configured(url)) as other:
        yield other


def new_user(db: Database) -> users.User:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in")


@pytest.fixture
def user(db: Database) -> users.User:
    return new_user(db)
