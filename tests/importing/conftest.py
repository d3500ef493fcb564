import argon2
import pytest

from oadb.accounts import users
from oadb.security.passwords import Passwords
from tests.importing.openalgo import Installation


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture
def there(tmp_path: pytest.TempPathFactory) -> Installation:
    """Give an installation with empty tables."""
    return Installation(tmp_path)
