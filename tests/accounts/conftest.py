"""Fixtures of the tests of accounts; those of every test are in tests/conftest.py."""

from collections.abc import Generator
from dataclasses import replace
from itertools import count

import pytest

from oadb import Config, Database
from oadb.accounts import sealed_passwords, second_factors, users
from oadb.accounts.second_factors import NewSecondFactor
from oadb.accounts.users import SignedInUser
from tests.conftest import RING, configured
from tests.support.accounts import PASSWORD, account, new_user
from tests.support.authenticators import Authenticator, enroll
from tests.support.lockouts import CountingPasswords
from tests.support.rig import Observer

numbers = count(1)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    """Give an open database for the tests of one module."""
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def other_process(url: str) -> Generator[Database]:
    """Give a database that shares nothing with ``db`` but the server."""
    with Database(configured(url)) as other:
        yield other


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give the database of ``db`` with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def alone(config: Config) -> Generator[Database]:
    """Give an open database of this test alone."""
    with Database(config) as db:
        yield db


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


@pytest.fixture
def user(db: Database, user_id: int) -> SignedInUser:
    return account(db, user_id)


# Sign-ins ---------------------------------------------------------------------------------------


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> CountingPasswords:
    """Have passwords hashed cheaply, and give an object that counts their verifications."""
    counting = CountingPasswords()
    monkeypatch.setattr(sealed_passwords, "passwords", counting)
    return counting


@pytest.fixture
def number() -> int:
    """Give a number that no other test has."""
    return next(numbers)


@pytest.fixture
def ip(number: int) -> str:
    """Give an address that no other test has."""
    return f"10.{number // 256}.{number % 256}.7"


@pytest.fixture
def asha(db: Database, number: int, counting: CountingPasswords) -> SignedInUser:
    """Give a user with PASSWORD."""
    assert counting.error is None
    user_id = users.create(db, f"asha{number}", f"asha{number}@example.in").user_id
    users.set_password(db, user_id, PASSWORD)
    return account(db, user_id)


# Second factors ---------------------------------------------------------------------------------


@pytest.fixture
def clock(observer: Observer, monkeypatch: pytest.MonkeyPatch) -> int:
    """Give the database's clock, and stop it for second factors: no step ends during a test."""
    clock = int(observer.ask("select floor(extract(epoch from now()))::bigint"))
    matching = second_factors._matching_step
    monkeypatch.setattr(
        second_factors,
        "_matching_step",
        lambda ring, found, *given: matching(ring, replace(found, clock=clock), *given),
    )
    return clock


@pytest.fixture
def enrollment(db: Database, user_id: int) -> NewSecondFactor:
    return enroll(db, user_id)


@pytest.fixture
def phone(clock: int, enrollment: NewSecondFactor) -> Authenticator:
    """Give an authenticator for the enrollment of ``user_id``."""
    return Authenticator(clock, enrollment)
