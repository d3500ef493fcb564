from pathlib import Path

import argon2
import pytest

from oadb import Database
from oadb.accounts import sealed_passwords, users
from oadb.accounts.users import User
from oadb.security.passwords import Passwords
from tests.importing.openalgo import Installation
from tests.importing.running import run_import
from tests.support.rig import Observer


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture
def origin(tmp_path: Path) -> Installation:
    """Give an installation of OpenAlgo with empty tables."""
    return Installation(tmp_path)


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    """Give an observer of the database of ``db``."""
    return Observer(oadb_database_url)


@pytest.fixture
def asha(db: Database, origin: Installation) -> User:
    """Import the user of ``Installation.add_asha``, and give that user."""
    origin.add_asha()
    run_import(db, origin)
    found = users.find_by_username(db, "asha")
    assert found is not None
    return found
