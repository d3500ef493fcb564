"""What the tests of bans share: a database of their own, addresses, and time that has passed."""

from collections.abc import Generator
from datetime import timedelta
from itertools import count

import pytest

from oadb import Config, Database
from tests.conftest import RING, configured
from tests.support.rig import Observer

numbers = count(1)

BY_HAND = (
    "insert into oadb.ip_bans (network, reason, offences, banned_at) "
    "values (%s, 'by hand', 1, now())"
)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 8 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "8", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def ip() -> str:
    """Give a public address that no other test uses."""
    number = next(numbers)
    return f"198.51.{number // 256}.{number % 256}"


def age_ban(observer: Observer, network: str, by: timedelta) -> None:
    """Move a ban into the past, as if so much time had gone by."""
    observer.rows(
        "update oadb.ip_bans set banned_at = banned_at - %s, expires_at = expires_at - %s "
        "where network = %s::inet",
        by,
        by,
        network,
    )


def age_tracker(observer: Observer, network: str, by: timedelta) -> None:
    observer.rows(
        "update oadb.ip_trackers set first_at = first_at - %s, last_at = last_at - %s "
        "where network = %s::inet",
        by,
        by,
        network,
    )
