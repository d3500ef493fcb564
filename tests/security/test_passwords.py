"""Passwords: what is stored, what is refused, and how much work each answer costs."""

from time import perf_counter

import argon2
import pytest

from oadb.errors import ParameterError
from oadb.security.passwords import LONGEST, SHORTEST, Passwords, _is_sane, peppered
from oadb.security.secret import Secret
from tests.support.each import for_each
from tests.support.error_texts import error_texts
from tests.support.passwords import CHEAP, COST, PASSWORD, STORED


class Spy:
    """Replaces the hasher; records which hashes were verified, and how each verification ended."""

    def __init__(self, passwords: Passwords) -> None:
        self._hasher = passwords._hasher
        self.verified: list[tuple[str, type[BaseException] | None]] = []
        passwords._hasher = self  # type: ignore[assignment]  # it has the method that is used

    def verify(self, hashed: str, password: bytes) -> bool:
        try:
            matched = self._hasher.verify(hashed, password)
        except Exception as error:
            self.verified.append((hashed, type(error)))
            raise
        self.verified.append((hashed, None))
        return matched

    @property
    def computed(self) -> list[str]:
        """The costs of the hashes that were computed, not found malformed before."""
        ended = {None, argon2.exceptions.VerifyMismatchError}
        return [hashed.split("$")[3] for hashed, error in self.verified if error in ended]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "a" * SHORTEST,
        "a" * LONGEST,
        "пароль",
        "🐎🐎",
        "\0" * 8,
        "a\0b\0c\0d\0",
        "        ",
        "e\u0301" * 4,
    ],
)
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


@for_each("case", STORED)
@pytest.mark.parametrize("password", [PASSWORD.reveal(), "", "a" * 2000, "\ud800"])
def test_every_failure_costs_one_hash_with_current_parameters(
    passwords: Passwords, case: str, password: str
) -> None:
    spy, stored = Spy(passwords), STORED[case]
    hashed = None if stored is None else Secret(stored)

    assert passwords.verify(hashed, Secret(password)) is False
    assert spy.computed == [COST]


def test_a_password_too_long_to_be_stored_is_not_hashed(passwords: Passwords) -> None:
    stored, seen = passwords.hash(Secret("a" * LONGEST)), Spy(passwords)

    assert not passwords.verify(stored, Secret("a" * (LONGEST + 1)))
    assert [hashed == stored for hashed, _ in seen.verified] == [False]


def test_no_password_matches_the_hash_of_the_unknown_user(passwords: Passwords) -> None:
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
    ("hashed", "pepper"),
    [
        ("", "pepper"),
        ("$2b$12$abcdefghijklmnopqrstuv", "pepper"),
        ("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22, "pepper"),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), ""),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), "a" * 1025),
        (Passwords(CHEAP).hash(PASSWORD).reveal(), "\ud800"),
    ],
    # Named, because every process that collects makes other hashes.
    ids=["no hash", "bcrypt", "planted", "no pepper", "long pepper", "pepper that is not text"],
)
def test_an_invalid_hash_or_pepper_is_refused_and_not_shown(hashed: str, pepper: str) -> None:
    with pytest.raises(ParameterError) as refused:
        peppered(Secret(hashed), Secret(pepper))

    assert not hashed or hashed not in str(refused.value)
    assert len(str(refused.value)) < 100


SALT, DIGEST = "c2FsdHNhbHQ", "a" * 22


def planted(cost: str = "m=8,t=1,p=1", kind: str = "argon2id", salt: str = SALT) -> str:
    return f"${kind}$v=19${cost}${salt}${DIGEST}"


def of_type(kind: argon2.Type) -> str:
    """Return a hash of PASSWORD, made by another kind of Argon2."""
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
    "other numerals": planted("m=８,t=1,p=1"),  # noqa: RUF001  # the numerals are the mistake
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_hash_is_never_given_to_argon2(
    passwords: Passwords, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    verify = argon2.low_level.verify_secret

    def recorded(hashed: bytes, password: bytes, kind: argon2.Type) -> bool:
        given.append(hashed)
        return verify(hashed, password, kind)

    monkeypatch.setattr("argon2._password_hasher.verify_secret", recorded)

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


def test_a_hash_of_the_highest_allowed_cost_is_verified() -> None:
    assert _is_sane(planted("m=1048576,t=10,p=16"))
    assert _is_sane(Passwords().hash(PASSWORD).reveal())
    largest = argon2.Parameters(argon2.Type.ID, 19, 64, 64, 1, 8, 1)
    assert _is_sane(Passwords(largest).hash(PASSWORD).reveal())


@pytest.mark.parametrize(
    "cost", ["m=8,t=1,p=1,m=8", "t=1,m=8,p=1", "m=8,t=1,p=1,k=1", "m=08,t=1,p=1"]
)
def test_a_hash_that_can_be_read_in_two_ways_is_not_verified(
    passwords: Passwords, cost: str
) -> None:
    """argon2-cffi and the C library could read it differently, so neither verifies it."""
    spy = Spy(passwords)

    assert passwords.verify(Secret(planted(cost)), PASSWORD) is False
    assert spy.computed == [COST]


def test_an_error_about_a_password_does_not_show_it(passwords: Passwords) -> None:
    for password in ("short", "\ud800 correct horse", "correct horse" * 100):
        with pytest.raises(ParameterError) as refused:
            passwords.hash(Secret(password))
        assert password not in error_texts(refused.value)
