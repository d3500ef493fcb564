"""Signing in: guessing is limited, and nobody is locked out permanently."""

from datetime import timedelta

import pytest

from oadb import AsyncDatabase, Database
from oadb.accounts import login_attempts, stored_passwords, users
from oadb.accounts.lockouts import ACCOUNT_LIMIT, CLIENT_LIMIT, NETWORK_LIMIT
from oadb.accounts.login_attempts import SignIn
from oadb.accounts.user_rows import FoundUser
from oadb.accounts.users import User
from oadb.errors import ParameterError
from tests.support.accounts import PASSWORD
from tests.support.lockouts import (
    WRONG,
    CountingPasswords,
    age_lockout,
    failed_before,
    lockout,
    outcomes,
)
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.usefixtures("counting")


def test_the_right_password_signs_in_and_leaves_no_count_of_the_client(
    db: Database, observer: Observer, asha: User, ip: str
) -> None:
    failed = login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    signed_in = login_attempts.sign_in(
        db, asha.username.upper(), PASSWORD, ip=ip, device="x " * 300, broker="zerodha"
    )
    (attempt,) = login_attempts.list_attempts(db, limit=1)

    assert failed == SignIn(None, timedelta())
    assert not failed
    assert signed_in == SignIn(asha, timedelta())
    assert signed_in
    assert lockout(observer, f"{asha.username} {ip}") is None
    assert lockout(observer, asha.username) == (1, None)
    assert lockout(observer, ip) == (1, None)
    assert (attempt.user_id, attempt.ip, attempt.broker) == (asha.user_id, ip, "zerodha")
    assert (attempt.device, attempt.method, attempt.outcome) == (
        "x " * 250,
        "password",
        "succeeded",
    )


def test_during_a_wait_not_even_the_right_password_is_verified(
    db: Database, observer: Observer, asha: User, ip: str, counting: CountingPasswords
) -> None:
    failed_before(observer, "account", asha.username, ACCOUNT_LIMIT + 5)
    failed = login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    looked_at = len(counting.verified)
    locked = login_attempts.sign_in(db, asha.username, PASSWORD, ip="192.0.2.1")

    assert failed.user is None
    assert timedelta(seconds=50) < failed.wait <= timedelta(seconds=64)
    assert locked.user is None
    assert timedelta(seconds=50) < locked.wait <= failed.wait
    assert len(counting.verified) == looked_at
    assert outcomes(db, asha.username) == ["failed", "locked"]
    age_lockout(observer, asha.username, timedelta(seconds=65))
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).user == asha


def test_an_unknown_name_is_answered_like_a_known_one(
    db: Database, asha: User, number: int, ip: str, counting: CountingPasswords
) -> None:
    names = asha.username, f"nobody{number}"
    answers = [
        [login_attempts.sign_in(db, name, WRONG, ip=f"{ip[:-1]}{n}") for _ in range(8)]
        for n, name in enumerate(names)
    ]
    counts = [len([s for s in answer if s.wait == timedelta()]) for answer in answers]

    assert counts == [CLIENT_LIMIT - 1] * 2
    assert [outcomes(db, name)[:CLIENT_LIMIT] for name in names] == [["failed"] * 5] * 2
    assert "locked" in outcomes(db, names[0])
    assert "locked" in outcomes(db, names[1])
    assert None in counting.verified


def test_the_case_of_a_name_gives_no_more_tries(
    db: Database, observer: Observer, asha: User, ip: str
) -> None:
    for name in (asha.username, asha.username.upper(), asha.username.title()):
        login_attempts.sign_in(db, name, WRONG, ip=ip)

    assert lockout(observer, asha.username) == (3, None)


@pytest.mark.parametrize(
    ("addresses", "subject"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::1"], "2001:db8:1:2::/64"),
        (["::ffff:198.51.100.9", "198.51.100.9"], "198.51.100.9"),
    ],
    ids=["IPv6 by its /64", "IPv4 in IPv6"],
)
def test_the_addresses_of_one_client_count_as_one_network(
    db: Database, observer: Observer, number: int, addresses: list[str], subject: str
) -> None:
    for address in addresses:
        login_attempts.sign_in(db, f"nobody{number}", WRONG, ip=address)

    assert lockout(observer, subject) == (2, None)


def test_a_network_that_guesses_many_accounts_has_to_wait(
    db: Database, observer: Observer, asha: User, number: int, ip: str, counting: CountingPasswords
) -> None:
    failed_before(observer, "network", ip, NETWORK_LIMIT + 5)
    first = login_attempts.sign_in(db, f"nobody{number}", WRONG, ip=ip)
    looked_at = len(counting.verified)
    second = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert first.wait > timedelta(seconds=50)
    assert (second.user, len(counting.verified)) == (None, looked_at)
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip="192.0.2.2").user == asha


def test_the_owner_of_one_account_cannot_reset_the_count_of_the_network(
    db: Database, observer: Observer, asha: User, number: int, ip: str
) -> None:
    for n in range(3):
        login_attempts.sign_in(db, f"victim{n}-{number}", WRONG, ip=ip)
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, ip) == (3, None)


def test_of_sixteen_concurrent_guesses_one_is_verified(
    many: Database, observer: Observer, asha: User, number: int, counting: CountingPasswords
) -> None:
    """The next failure causes a wait of a minute, longer than the test takes."""
    failed_before(observer, "account", asha.username, ACCOUNT_LIMIT + 5)
    with threads(16) as pool:
        answers = list(
            pool.map(
                lambda n: login_attempts.sign_in(
                    many, asha.username, WRONG, ip=f"172.{16 + n}.{number % 256}.1"
                ),
                range(16),
            )
        )

    assert len(counting.verified) == 1
    assert [answer.user for answer in answers] == [None] * 16
    assert lockout(observer, asha.username) == (ACCOUNT_LIMIT + 6, 64)
    assert sorted(outcomes(many, asha.username)) == ["failed"] + ["locked"] * 15


def test_concurrent_right_passwords_all_sign_in_without_a_wait(
    many: Database, observer: Observer, asha: User, ip: str
) -> None:
    with threads(4) as pool:
        answers = list(
            pool.map(
                lambda _: login_attempts.sign_in(many, asha.username, PASSWORD, ip=ip), range(4)
            )
        )

    assert [answer.user for answer in answers] == [asha] * 4
    assert lockout(observer, ip) == (0, None)


@pytest.mark.long("hundreds of concurrent sign-ins")
def test_concurrent_sign_ins_do_not_deadlock(
    many: Database, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stored_passwords.find_verified(many, asha.user_id)

    async def always_right(*_: object) -> FoundUser | None:
        return found

    monkeypatch.setattr(stored_passwords, "check", always_right)
    with threads(8) as pool:
        answers = list(
            pool.map(
                lambda _: login_attempts.sign_in(many, asha.username, PASSWORD, ip=ip), range(400)
            )
        )

    assert {answer.user for answer in answers} <= {asha, None}


@pytest.mark.parametrize("ip", ["", "localhost", "10.0.0.1/8", "fe80::1%eth0"])
def test_an_invalid_address_is_refused_before_anything_is_counted(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    with pytest.raises(ParameterError):
        login_attempts.sign_in(db, f"asha{number}", PASSWORD, ip=ip)

    assert lockout(observer, f"asha{number}") is None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("asha\0", id="nul"),
        pytest.param("\ud800asha", id="surrogate"),
        pytest.param("İ" * 254, id="longer in lower case"),
        pytest.param("x" * 1_000_000, id="a megabyte"),
    ],
)
def test_a_name_that_no_user_can_have_fails_and_is_in_the_audit(
    db: Database, name: str, ip: str, counting: CountingPasswords
) -> None:
    before = login_attempts.count(db)

    assert login_attempts.sign_in(db, name, PASSWORD, ip=ip).user is None
    assert login_attempts.count(db) == before + 1
    assert counting.verified == [None]


def test_a_name_with_nul_is_not_the_name_without_it(
    db: Database, observer: Observer, asha: User, ip: str
) -> None:
    name = asha.username[:2] + "\0" + asha.username[2:]

    assert login_attempts.sign_in(db, name, PASSWORD, ip=ip).user is None
    assert lockout(observer, asha.username) is None


@pytest.mark.parametrize("device", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
def test_a_device_that_cannot_be_stored_does_not_keep_a_sign_in_out_of_the_audit(
    db: Database, asha: User, ip: str, device: str
) -> None:
    assert login_attempts.sign_in(db, asha.username, WRONG, ip=ip, device=device).user is None
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, device=device).user == asha
    assert outcomes(db, asha.username) == ["failed", "succeeded"]


async def test_signing_in_works_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    await users.set_password(adb, asha.user_id, PASSWORD)

    failed = await login_attempts.sign_in(adb, "asha", WRONG, ip="203.0.113.7")
    signed_in = await login_attempts.sign_in(adb, "asha", PASSWORD, ip="203.0.113.7")
    attempts = await login_attempts.list_attempts(adb)

    assert failed.user is None
    assert signed_in.user is not None
    assert signed_in.user.user_id == asha.user_id
    assert [each.outcome for each in attempts] == ["succeeded", "failed"]
