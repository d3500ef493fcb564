"""Fixtures of the tests of security; those of every test are in tests/conftest.py."""

from pathlib import Path

import pytest

from oadb.security import randomness
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from tests.support.passwords import CHEAP
from tests.support.rings import OLD
from tests.support.sealed import MADE, Refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a ring that is fit to be read."""
    file = tmp_path / "keyring.json"
    file.write_text(OLD.to_json())
    file.chmod(0o600)
    return file


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    """Give the ring of what is pinned, from a time when a root might count upwards."""
    monkeypatch.setattr(randomness, "fault_of", lambda _: None)
    return KeyRing([Key(1, "primary", MADE, bytes(range(32)))])


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


@pytest.fixture
def refused(caplog: pytest.LogCaptureFixture) -> Refused:
    """Give a function that asserts that a sealed value is refused, and why."""
    return Refused(caplog)
