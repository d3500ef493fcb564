"""Hashing passwords under load: a limited number of turns, and errors of a full machine."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import argon2
import pytest

from oadb.errors import BusyError
from oadb.security.passwords import Passwords
from oadb.security.secret import Secret
from tests.support.error_texts import error_texts
from tests.support.passwords import CHEAP, PASSWORD, STORED


class Gate:
    """A hasher that waits until the gate is open, and counts the threads inside."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.full = threading.Semaphore(0)
        self._lock = threading.Lock()
        self.inside = self.most = 0

    def hash(self, _password: bytes) -> str:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.full.release()
        assert self.open.wait(20)
        with self._lock:
            self.inside -= 1
        return "done"

    def verify(self, _hashed: str, password: bytes) -> bool:
        return bool(self.hash(password))


def gated(passwords: Passwords) -> Gate:
    gate = Gate()
    hasher: Any = gate
    passwords._hasher = hasher
    return gate


CORES = os.cpu_count() or 1


@pytest.mark.holds("F51")
def test_no_more_than_the_cores_hash_at_once() -> None:
    passwords = Passwords(CHEAP, turn_timeout=20)
    gate = gated(passwords)
    with ThreadPoolExecutor(CORES * 4) as pool:
        results = [pool.submit(passwords.hash, PASSWORD) for _ in range(CORES * 4)]
        for _ in range(CORES):
            assert gate.full.acquire(timeout=20)
        gate.open.set()

    assert [result.result() for result in results] == [Secret("done")] * (CORES * 4)
    assert gate.most == CORES


def test_memory_limits_the_number_of_turns_as_well() -> None:
    half = argon2.Parameters(argon2.Type.ID, 19, 16, 16, 1, memory_cost=512 * 1024, parallelism=1)
    passwords = Passwords(half, turn_timeout=0)
    gate = gated(passwords)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(passwords.hash, PASSWORD)
        assert gate.full.acquire(timeout=20)
        with pytest.raises(BusyError):
            passwords.hash(PASSWORD)
        gate.open.set()


@pytest.mark.holds("F51")
def test_a_caller_without_a_turn_gets_a_busy_error() -> None:
    passwords = Passwords(CHEAP, turn_timeout=0)
    gate = gated(passwords)
    with ThreadPoolExecutor(CORES) as pool:
        taken = [pool.submit(passwords.hash, PASSWORD) for _ in range(CORES)]
        for _ in taken:
            assert gate.full.acquire(timeout=20)
        with pytest.raises(BusyError, match="password hashing was fully in use"):
            passwords.verify(None, PASSWORD)
        with pytest.raises(BusyError):
            passwords.hash(PASSWORD)
        gate.open.set()

    assert passwords.hash(PASSWORD) == Secret("done")


def test_a_turn_is_released_after_every_outcome() -> None:
    passwords = Passwords(CHEAP, turn_timeout=0)
    stored = passwords.hash(PASSWORD)
    for _ in range(CORES + 1):
        assert not passwords.verify(stored, Secret("wrong horse"))
        assert not passwords.verify(Secret("malformed"), PASSWORD)
        assert passwords.verify(stored, PASSWORD)


@pytest.fixture(params=["Memory allocation error", "Threading failure"])
def exhausted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the C library have no memory, or no threads; give the text of its error."""
    said = str(request.param)

    def hash_secret(*_: object, **__: object) -> bytes:
        raise argon2.exceptions.HashingError(said)

    def verify_secret(*_: object) -> bool:
        raise argon2.exceptions.VerificationError(said)

    monkeypatch.setattr("argon2._password_hasher.hash_secret", hash_secret)
    monkeypatch.setattr("argon2._password_hasher.verify_secret", verify_secret)
    return said


@pytest.mark.parametrize("case", ["right name", "unknown name", "empty", "planted memory"])
def test_verifying_without_memory_does_not_say_that_the_password_is_wrong(
    passwords: Passwords, exhausted: str, case: str
) -> None:
    stored = STORED[case]
    for _ in range(CORES + 1):  # the turn is released as well
        with pytest.raises(BusyError, match=exhausted) as busy:
            passwords.verify(None if stored is None else Secret(stored), PASSWORD)
    assert PASSWORD.reveal() not in error_texts(busy.value)


def test_hashing_without_memory_raises_a_busy_error(passwords: Passwords, exhausted: str) -> None:
    for _ in range(CORES + 1):
        with pytest.raises(BusyError, match=exhausted):
            passwords.hash(PASSWORD)


def test_another_error_of_the_library_is_not_a_busy_error(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_secret(*_: object, **__: object) -> bytes:
        raise argon2.exceptions.HashingError("Output is too short")

    monkeypatch.setattr("argon2._password_hasher.hash_secret", hash_secret)
    with pytest.raises(argon2.exceptions.HashingError):
        passwords.hash(PASSWORD)


WITHOUT_MEMORY = """
import resource
from pathlib import Path
from oadb.errors import BusyError
from oadb.security.passwords import Passwords
from oadb.security.secret import Secret

passwords, password = Passwords(), Secret("correct horse")
stored = passwords.hash(password)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 16 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
for work in (
    lambda: passwords.hash(password),
    lambda: passwords.verify(stored, password),
    lambda: passwords.verify(None, password),
):
    try:
        print(work())
    except BusyError as error:
        print("busy", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits address space")
def test_without_memory_the_library_reports_the_errors_that_are_handled() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert [line[:4] for line in said] == ["busy"] * 3
