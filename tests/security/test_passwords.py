"""Passwords: what is stored, what is refused, how much work each answer costs."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import argon2
import pytest

from oadb.errors import BusyError, ParameterError
from oadb.security.passwords import LONGEST, SHORTEST, Passwords, _is_sane, peppered
from oadb.security.secret import Secret
from tests.security.said import everything_said

CHEAP = argon2.profiles.CHEAPEST
PASSWORD = Secret("correct horse")


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


class Spy:
    """Stands in for the hasher; notes which hashes were verified, and how each of them ended."""

    def __init__(self, passwords: Passwords) -> None:
        self._hasher = passwords._hasher
        self.verified: list[tuple[str, type[BaseException] | None]] = []
        passwords._hasher = self  # type: ignore[assignment]  # it has what is used of one

    def verify(self, known: str, password: bytes) -> bool:
        try:
            matched = self._hasher.verify(known, password)
        except Exception as error:
            self.verified.append((known, type(error)))
            raise
        self.verified.append((known, None))
        return matched

    @property
    def computed(self) -> list[str]:
        """Costs of the hashes that were really computed, not given up before."""
        ended = {None, argon2.exceptions.VerifyMismatchError}
        return [known.split("$")[3] for known, error in self.verified if error in ended]


COST = f"m={CHEAP.memory_cost},t={CHEAP.time_cost},p={CHEAP.parallelism}"


@pytest.mark.parametrize(
    "password",
    ["correct horse", "a" * SHORTEST, "a" * LONGEST, "пароль", "🐎🐎", "\0" * 8, "a\0b\0c\0d\0",
     "        ", "e\u0301" * 4],
)  # fmt: skip
def test_a_password_is_verified_by_its_hash(passwords: Passwords, password: str) -> None:
    stored = passwords.hash(Secret(password))

    assert passwords.verify(stored, Secret(password))
    assert not passwords.verify(stored, Secret(password + "\0"))
    assert not passwords.verify(stored, Secret(password[:-1]))


def test_the_same_password_never_has_the_same_hash(passwords: Passwords) -> None:
    assert passwords.hash(PASSWORD) != passwords.hash(PASSWORD)


def test_the_hash_is_argon2id_as_the_rfc_recommends() -> None:
    passwords = Passwords()
    stored = passwords.hash(PASSWORD)

    assert stored.reveal().startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.verify(stored, PASSWORD)
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(Passwords(CHEAP).hash(PASSWORD))


@pytest.mark.parametrize("password", ["", "a" * 7, "a" * 1025, "é" * 513, "\ud800" * 8])
def test_an_unfit_password_is_refused_and_not_shown(passwords: Passwords, password: str) -> None:
    with pytest.raises(ParameterError, match="8 to 1024 bytes in UTF-8") as refused:
        passwords.hash(Secret(password))

    assert not password or password not in str(refused.value)
    assert refused.value.__context__ is None


def test_length_is_counted_in_bytes(passwords: Passwords) -> None:
    assert passwords.hash(Secret("éééé"))
    assert passwords.hash(Secret("é" * 512))


STORED: dict[str, str | None] = {
    "right name": Passwords(CHEAP).hash(Secret("another horse")).reveal(),
    "unknown name": None,
    "empty": "",
    "plain text": "hunter22",
    "other scheme": "$2b$12$abcdefghijklmnopqrstuv",
    "no digest": f"$argon2id$v=19${COST}$c2FsdHNhbHQ",
    "not base64": f"$argon2id$v=19${COST}$c2FsdHNhbHQ$***",
    "short salt": f"$argon2id$v=19${COST}$YQ$" + "a" * 22,
    "not ascii": f"$argon2id$v=19${COST}$c2FsdHNhbHQ$é",
    "no cost": "$argon2id$v=19$m=,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "negative cost": "$argon2id$v=19$m=-1,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted memory": "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted passes": "$argon2id$v=19$m=8,t=1000000,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted lanes": "$argon2id$v=19$m=8192,t=1,p=1000$c2FsdHNhbHQ$" + "a" * 22,
    "peppered": peppered(Passwords(CHEAP).hash(Secret("another horse")), Secret("salt")).reveal(),
    "pepper without a hash": "peppered$c2FsdA==",
    "pepper before plain text": "peppered$c2FsdA==$hunter22",
    "pepper that is not base64": f"peppered$***$argon2id$v=19${COST}$c2FsdHNhbHQ$" + "a" * 22,
    "pepper that is not ascii": f"peppered$é$argon2id$v=19${COST}$c2FsdHNhbHQ$" + "a" * 22,
    "planted memory behind a pepper": "peppered$c2FsdA==$argon2id$v=19$m=4194304,t=1,p=1$c2FsdA$YQ",
}


@pytest.mark.parametrize("case", STORED)
@pytest.mark.parametrize("password", [PASSWORD.reveal(), "", "a" * 2000, "\ud800"])
def test_every_failure_costs_one_hash_of_today(
    passwords: Passwords, case: str, password: str
) -> None:
    spy, stored = Spy(passwords), STORED[case]
    known = None if stored is None else Secret(stored)

    assert passwords.verify(known, Secret(password)) is False
    assert spy.computed == [COST]


def test_a_password_too_long_to_be_stored_is_not_hashed(passwords: Passwords) -> None:
    stored, seen = passwords.hash(Secret("a" * LONGEST)), Spy(passwords)

    assert not passwords.verify(stored, Secret("a" * (LONGEST + 1)))
    assert [known == stored for known, _ in seen.verified] == [False]


def test_nobody_knows_the_password_of_the_unknown_user(passwords: Passwords) -> None:
    for password in ("", PASSWORD.reveal(), "\ud800"):
        assert not passwords.verify(None, Secret(password))
    assert Passwords(CHEAP)._dummy != passwords._dummy


def test_a_hash_of_other_parameters_is_verified_and_outdated(passwords: Passwords) -> None:
    stronger = argon2.Parameters(
        argon2.Type.ID, 19, 16, 16, time_cost=2, memory_cost=16, parallelism=1
    )
    stored = Passwords(stronger).hash(PASSWORD)

    assert passwords.verify(stored, PASSWORD)
    assert passwords.is_outdated(stored)
    assert not passwords.is_outdated(passwords.hash(PASSWORD))


def test_a_hash_of_a_system_with_a_pepper_is_verified_and_outdated(passwords: Passwords) -> None:
    pepper = Secret("pepper é")
    theirs = passwords.hash(Secret(PASSWORD.reveal() + pepper.reveal()))
    stored = peppered(theirs, pepper)

    assert passwords.verify(stored, PASSWORD)
    assert passwords.is_outdated(stored)
    assert not passwords.verify(theirs, PASSWORD)
    for wrong in ("", "correct", PASSWORD.reveal() + pepper.reveal(), pepper.reveal(), "\ud800"):
        assert not passwords.verify(stored, Secret(wrong))
    assert not passwords.verify(peppered(theirs, Secret("another")), PASSWORD)
    marred = stored.reveal().replace("peppered$", "peppered$!", 1)
    assert not passwords.verify(Secret(marred), PASSWORD)
    assert pepper.reveal() not in stored.reveal()


@pytest.mark.parametrize(
    ("known", "pepper"),
    [
        ("", "pepper"),
        ("$2b$12$abcdefghijklmnopqrstuv", "pepper"),
        ("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22, "pepper"),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), ""),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), "a" * 1025),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), "\ud800"),
    ],
    # The hashes are others in every process that collects.
    ids=["no hash", "bcrypt", "planted", "no pepper", "long pepper", "pepper that is no text"],
)
def test_what_is_no_hash_or_no_pepper_is_refused_and_not_shown(known: str, pepper: str) -> None:
    with pytest.raises(ParameterError) as refused:
        peppered(Secret(known), Secret(pepper))

    assert not known or known not in str(refused.value)
    assert len(str(refused.value)) < 100


SALT, DIGEST = "c2FsdHNhbHQ", "a" * 22


def planted(cost: str = "m=8,t=1,p=1", kind: str = "argon2id", salt: str = SALT) -> str:
    return f"${kind}$v=19${cost}${salt}${DIGEST}"


def of_type(kind: argon2.Type) -> str:
    """Return a hash that fits PASSWORD, made by another kind of Argon2."""
    return argon2.PasswordHasher(1, 8, 1, type=kind).hash(PASSWORD.reveal())


PLANTED = {
    "4 GiB": planted("m=4194304,t=1,p=1"),
    "a little more than 1 GiB": planted("m=1048577,t=1,p=1"),
    "all memory": planted("m=4294967295,t=1,p=1"),
    "a thousand passes": planted("m=8,t=1000,p=1"),
    "11 passes": planted("m=8,t=11,p=1"),
    "255 lanes": planted("m=2040,t=1,p=255"),
    "17 lanes": planted("m=136,t=1,p=17"),
    "everything": planted("m=4194304,t=1000,p=255"),
    "more than 32 bits": planted(f"m={2**32 + 8},t=1,p=1"),
    "more than any number": planted(f"m={'9' * 5000},t=1,p=1"),
    "argon2i": of_type(argon2.Type.I),
    "argon2d": of_type(argon2.Type.D),
    "unknown type": planted(kind="argon2x"),
    "huge salt": planted(salt="c2Fs" * 2_500_000),
    "huge digest": planted() + "aaaa" * 2_500_000,
    "truncated cost": planted().rsplit(",", 1)[0],
    "truncated before the salt": planted().rsplit("$", 2)[0],
    "truncated before the digest": planted().rsplit("$", 1)[0],
    "one part more": planted() + "$",
    "other numerals": planted("m=８,t=1,p=1"),  # noqa: RUF001
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_hash_is_never_given_to_argon2(
    passwords: Passwords, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    verify = argon2.low_level.verify_secret

    def noted(known: bytes, password: bytes, kind: argon2.Type) -> bool:
        given.append(known)
        return verify(known, password, kind)

    monkeypatch.setattr("argon2._password_hasher.verify_secret", noted)

    assert passwords.verify(Secret(PLANTED[case]), PASSWORD) is False
    assert given == [passwords._dummy.encode()]


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_hash_is_refused_in_less_than_a_millisecond(case: str) -> None:
    took = []
    for _ in range(20):
        started = perf_counter()
        assert not _is_sane(PLANTED[case])
        took.append(perf_counter() - started)

    assert min(took) < 0.001


def test_the_most_that_a_hash_may_cost_is_still_looked_at() -> None:
    assert _is_sane(planted("m=1048576,t=10,p=16"))
    assert _is_sane(Passwords().hash(PASSWORD).reveal())
    largest = argon2.Parameters(argon2.Type.ID, 19, 64, 64, 1, 8, 1)
    assert _is_sane(Passwords(largest).hash(PASSWORD).reveal())


@pytest.mark.parametrize(
    "cost", ["m=8,t=1,p=1,m=8", "t=1,m=8,p=1", "m=8,t=1,p=1,k=1", "m=08,t=1,p=1"]
)
def test_two_readers_of_one_hash_do_not_disagree(passwords: Passwords, cost: str) -> None:
    """What argon2-cffi and the C library could read differently is verified by neither."""
    spy = Spy(passwords)

    assert passwords.verify(Secret(planted(cost)), PASSWORD) is False
    assert spy.computed == [COST]


def test_no_password_is_in_what_is_said_of_it(passwords: Passwords) -> None:
    for password in ("short", "\ud800 correct horse", "correct horse" * 100):
        with pytest.raises(ParameterError) as refused:
            passwords.hash(Secret(password))
        assert password not in everything_said(refused.value)


class Gate:
    """A hasher that waits until it is let go, and counts who is inside."""

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

    def verify(self, _known: str, password: bytes) -> bool:
        return bool(self.hash(password))


def gated(passwords: Passwords) -> Gate:
    gate = Gate()
    hasher: Any = gate
    passwords._hasher = hasher
    return gate


CORES = os.cpu_count() or 1


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


def test_memory_bounds_turns_too() -> None:
    half = argon2.Parameters(argon2.Type.ID, 19, 16, 16, 1, memory_cost=512 * 1024, parallelism=1)
    passwords = Passwords(half, turn_timeout=0)
    gate = gated(passwords)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(passwords.hash, PASSWORD)
        assert gate.full.acquire(timeout=20)
        with pytest.raises(BusyError):
            passwords.hash(PASSWORD)
        gate.open.set()


def test_a_caller_without_a_turn_is_told_that_hashing_is_busy() -> None:
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


def test_a_turn_comes_back_after_every_outcome() -> None:
    passwords = Passwords(CHEAP, turn_timeout=0)
    stored = passwords.hash(PASSWORD)
    for _ in range(CORES + 1):
        assert not passwords.verify(stored, Secret("wrong horse"))
        assert not passwords.verify(Secret("malformed"), PASSWORD)
        assert passwords.verify(stored, PASSWORD)


# Capacity ----------------------------------------------------------------------------------------


@pytest.fixture(params=["Memory allocation error", "Threading failure"])
def exhausted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the C library have no memory, or no threads; return what it says."""
    said = str(request.param)

    def hash_secret(*_: object, **__: object) -> bytes:
        raise argon2.exceptions.HashingError(said)

    def verify_secret(*_: object) -> bool:
        raise argon2.exceptions.VerificationError(said)

    monkeypatch.setattr("argon2._password_hasher.hash_secret", hash_secret)
    monkeypatch.setattr("argon2._password_hasher.verify_secret", verify_secret)
    return said


@pytest.mark.parametrize("case", ["right name", "unknown name", "empty", "planted memory"])
def test_who_has_no_memory_to_verify_does_not_say_that_the_password_is_wrong(
    passwords: Passwords, exhausted: str, case: str
) -> None:
    stored = STORED[case]
    for _ in range(CORES + 1):  # the turn comes back as well
        with pytest.raises(BusyError, match=exhausted) as busy:
            passwords.verify(None if stored is None else Secret(stored), PASSWORD)
    assert PASSWORD.reveal() not in everything_said(busy.value)


def test_who_has_no_memory_to_hash_is_busy(passwords: Passwords, exhausted: str) -> None:
    for _ in range(CORES + 1):
        with pytest.raises(BusyError, match=exhausted):
            passwords.hash(PASSWORD)


def test_a_hash_that_the_library_refuses_for_another_reason_is_no_lack_of_capacity(
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
def test_without_memory_the_library_says_what_we_listen_for() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert [line[:4] for line in said] == ["busy"] * 3
