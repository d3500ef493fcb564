"""Fixtures for the integrations of web frameworks: a user, and what proves who it is."""

from collections.abc import Generator
from dataclasses import dataclass

import argon2
import pytest

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, sealed_passwords, users
from oadb.security.passwords import Passwords
from tests.conftest import configured

PASSWORD = Secret("correct horse battery")


@dataclass(frozen=True)
class Asha:
    """A user with a password, an API key without and one with a scope."""

    user_id: int
    key: str
    orders_key: str
    revoked_key: str


@pytest.fixture(scope="module")
def web_config(url: str) -> Config:
    return configured(url)


@pytest.fixture(scope="module")
def stored(web_config: Config) -> Database:
    """Give the database, to look at what a service has stored."""
    return Database(web_config)


@pytest.fixture(scope="module", autouse=True)
def _cheap_hashing() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))
        yield


@pytest.fixture(scope="module")
def asha(stored: Database) -> Asha:
    user_id = users.create(stored, "asha", "asha@example.in").user_id
    users.set_password(stored, user_id, PASSWORD)
    key = api_keys.create(stored, user_id, "all", order_mode="auto")
    orders = api_keys.create(stored, user_id, "orders", order_mode="auto", scopes=["orders"])
    revoked = api_keys.create(stored, user_id, "old", order_mode="auto")
    api_keys.revoke(stored, user_id, revoked.key.api_key_id)
    return Asha(user_id, *(each.token.reveal() for each in (key, orders, revoked)))
