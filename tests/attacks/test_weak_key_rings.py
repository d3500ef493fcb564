"""A key ring that others can replace, or whose keys were not made by chance, is not used."""

import os
import pwd
import random
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oadb.errors import KeyRingError
from oadb.security import keyring_file, randomness
from oadb.security.keyring import Key, KeyRing

MADE = datetime(2026, 1, 1, tzinfo=UTC)
RING = KeyRing([Key(1, "primary", MADE, secrets.token_bytes(32))])

WEAK = {
    "zeros": (bytes(32), "is one byte repeated"),
    "ascending": (bytes(range(32)), "counts up or down"),
    "descending": (bytes(range(64, 32, -1)), "counts up or down"),
    "in steps": (bytes(37 * number % 256 for number in range(32)), "counts up or down"),
    "repeated halves": (secrets.token_bytes(16) * 2, "repeats itself"),
    "repeated parts": ((secrets.token_bytes(11) * 3)[:32], "repeats itself"),
    "a number": ((2**64).to_bytes(32), "has few different bytes"),
    "a password": (b"correct horse battery staple 123", "is a text"),
    "hexadecimal": (secrets.token_hex(16).encode(), "has few different bytes|is a text"),
}


@pytest.mark.parametrize("name", WEAK)
def test_a_key_that_was_not_made_by_chance_is_refused(name: str) -> None:
    root, problem = WEAK[name]

    with pytest.raises(KeyRingError, match=problem):
        KeyRing([Key(1, "primary", MADE, root)])


def test_random_keys_are_not_refused() -> None:
    chance = random.Random(1)

    assert not any(randomness.fault_of(chance.randbytes(32)) for _ in range(20_000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(mode=0o700, parents=True)
    keyring_file.write(folder / "ring.json", RING, new=True)
    return folder / "ring.json"


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o720])
@pytest.mark.parametrize("above", [0, 1])
def test_a_ring_in_a_folder_that_others_can_change_is_refused(
    path: Path, mode: int, above: int
) -> None:
    folder = path.parents[above]
    folder.chmod(mode)

    with pytest.raises(KeyRingError, match=rf"^{folder}, on the way to .* run chmod go-w$"):
        keyring_file.read(path)
    with pytest.raises(KeyRingError, match="run chmod go-w"):
        keyring_file.write(path.with_name("new.json"), RING, new=True)

    assert not path.with_name("new.json").exists()


def test_a_link_into_a_folder_that_others_can_change_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    path.parent.chmod(0o777)

    with pytest.raises(KeyRingError, match="run chmod go-w"):
        keyring_file.read(tmp_path / "link")


def test_others_may_write_where_they_cannot_replace(path: Path) -> None:
    path.parent.chmod(0o1777)  # as /tmp, and the folder of secrets in Kubernetes

    assert keyring_file.read(path).primary.fingerprint == RING.primary.fingerprint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_ring_in_the_folder_of_somebody_else_is_refused(path: Path) -> None:
    os.chown(path.parent, *pwd.getpwnam("daemon")[2:4])

    with pytest.raises(KeyRingError, match="belongs to user 1, who could replace"):
        keyring_file.read(path)


@pytest.mark.parametrize("special", ["fifo", "folder", "device", "socket"])
def test_a_special_file_is_refused_at_once(tmp_path: Path, special: str) -> None:
    place = tmp_path / "ring"
    if special == "fifo":
        os.mkfifo(place, 0o600)
    elif special == "folder":
        place.mkdir(mode=0o700)
    elif special == "socket":
        os.mknod(place, 0o140600)
    else:
        place = Path("/dev/zero")

    with pytest.raises(KeyRingError, match=str(place)):
        keyring_file.read(place)
