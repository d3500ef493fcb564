"""Login attempts: the audit, and how guessing is slowed down without locking anybody out."""

from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import argon2
import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import login_attempts, users
from oadb.accounts.login_attempts import ACCOUNT_LIMIT, NETWORK_LIMIT, SignIn, Tries
from oadb.accounts.users import User
from oadb.errors import (
    BusyError,
    KeyRingError,
    ParameterError,
    TransactionError,
    UnavailableError,
)
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from tests.conftest import RING, configured
from tests.support.rig import Observer, eventually, threads

PASSWORD, WRONG = Secret("correct horse"), Secret("wrong horse")
NEVER = 1_000_000
numbers = count(1)


class Counting(Passwords):
    """Counts how many passwords were looked at."""

    def __init__(self) -> None:
        super().__init__(argon2.profiles.CHEAPEST)
        self.verified: list[str | None] = []
        self.error: Exception | None = None

    def verify(self, stored: str | None, password: Secret) -> bool:
        if self.error:
            raise self.error
        self.verified.append(stored)
        return super().verify(stored, password)


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(users, "passwords", counting)
    return counting


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def number() -> int:
    return next(numbers)


@pytest.fixture
def ip(number: int) -> str:
    """Give an address that no other test uses."""
    return f"10.{number // 256}.{number % 256}.7"


@pytest.fixture
def asha(db: Database, number: int) -> User:
    user = users.create(db, f"asha{number}", f"asha{number}@example.in")
    users.set_password(db, user.user_id, PASSWORD)
    return users.find_by_username(db, user.username) or user


def lockout(observer: Observer, subject: str) -> tuple[int, float | None] | None:
    """Return the failures of an account or a network, and its wait in seconds when counted."""
    rows = observer.rows(
        "select failures, extract(epoch from unlocks_at - failed_at)::float from oadb.lockouts "
        "where subject = %s",
        subject,
    )
    return rows[0] if rows else None


def age(observer: Observer, subject: str, by: timedelta) -> None:
    """Move a counter into the past, as if so much time had gone by."""
    observer.rows(
        "update oadb.lockouts set failed_at = failed_at - %s, unlocks_at = unlocks_at - %s, "
        "decayed_at = decayed_at - %s where subject = %s",
        by, by, by, subject,
    )  # fmt: skip


def failed_before(observer: Observer, kind: str, subject: str, failures: int) -> None:
    """Say that an account or a network failed so often, and does not wait any more."""
    observer.rows(
        "insert into oadb.lockouts values (%s, %s, %s, now(), null)", kind, subject, failures
    )


def counts(tries: Tries) -> tuple[int | None, int | None]:
    return tries.account_failures, tries.network_failures


def outcomes(db: Database, username: str) -> list[str]:
    return [a.outcome for a in login_attempts.list_recent(db) if a.username == username][::-1]


# The audit ---------------------------------------------------------------------------------------


def test_an_attempt_is_recorded_with_who_was_meant(db: Database, asha: User) -> None:
    assert login_attempts.record(
        db, asha.username.upper(), "::1", "Firefox", "zerodha", "oauth", "failed", "no consent"
    ) == 1  # fmt: skip
    (attempt,) = login_attempts.list_recent(db, page_size=1)

    assert (attempt.username, attempt.user_id, attempt.ip) == (
        asha.username.upper(), asha.user_id, "::1",
    )  # fmt: skip
    assert (attempt.device, attempt.broker, attempt.method, attempt.outcome, attempt.reason) == (
        "Firefox", "zerodha", "oauth", "failed", "no consent",
    )  # fmt: skip


def test_an_attempt_of_nobody_is_recorded(db: Database, number: int) -> None:
    login_attempts.record(db, f"nobody{number}", None, None, None, "password", "failed")
    (attempt,) = login_attempts.list_recent(db, page_size=1)

    assert (attempt.username, attempt.user_id, attempt.ip) == (f"nobody{number}", None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("username", ""),
        ("username", "x" * 255),
        ("device", ""),
        ("device", "x" * 501),
        ("broker", ""),
        ("broker", "x" * 51),
        ("method", "telepathy"),
        ("outcome", "maybe"),
        ("reason", ""),
        ("reason", "x" * 501),
    ],
    ids=lambda value: value if len(value) < 20 else f"{len(value)} characters",
)
def test_what_does_not_fit_the_audit_is_refused(tx: Database, column: str, value: str) -> None:
    given: dict[str, str | None] = {
        "username": "asha", "ip": None, "device": None, "broker": None,
        "method": "password", "outcome": "failed", "reason": None, column: value,
    }  # fmt: skip
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        login_attempts.record(tx, **given)  # type: ignore[arg-type]

    assert refused.value.diag.constraint_name == f"login_attempts_{column}_check"


def test_the_last_attempts_are_listed_first_and_counted(tx: Database) -> None:
    for outcome in ("failed", "failed", "succeeded", "locked"):
        login_attempts.record(tx, f"asha-{outcome}", None, None, None, "password", outcome)
    hour = timedelta(hours=1)

    assert [each.outcome for each in login_attempts.list_recent(tx)] == [
        "locked", "succeeded", "failed", "failed",
    ]  # fmt: skip
    assert [a.outcome for a in login_attempts.list_recent(tx, "failed", 1)] == ["failed"]
    assert login_attempts.list_recent(tx, "resumed") == []
    assert login_attempts.count(tx, hour) == 4
    assert login_attempts.count(tx, hour, "failed") == 2
    assert login_attempts.count(tx, timedelta()) == 0


def test_old_attempts_are_deleted_and_new_ones_stay(
    db: Database, observer: Observer, number: int
) -> None:
    for name in ("old", "new"):
        login_attempts.record(db, f"{name}{number}", None, None, None, "password", "failed")
    observer.rows(
        "update oadb.login_attempts set attempted_at = now() - interval '91 days' "
        "where username = %s",
        f"old{number}",
    )

    assert login_attempts.delete_before(db, timedelta(days=90)) == 1
    assert outcomes(db, f"old{number}") == []
    assert outcomes(db, f"new{number}") == ["failed"]


def test_the_audit_outlives_the_user(db: Database, asha: User) -> None:
    login_attempts.record(db, asha.username, None, None, None, "password", "failed")
    users.delete(db, asha.user_id)
    (attempt,) = login_attempts.list_recent(db, page_size=1)

    assert (attempt.username, attempt.user_id) == (asha.username, None)


# Counting ----------------------------------------------------------------------------------------


def test_of_800_tries_at_once_none_is_lost(
    many: Database, observer: Observer, number: int, ip: str
) -> None:
    def try_fifty(thread: int) -> list[Tries]:
        del thread
        return [
            login_attempts._count_try(many, f"asha{number}", ip, NEVER, NEVER) for _ in range(50)
        ]

    with threads(16) as pool:
        tries = [each for fifty in pool.map(try_fifty, range(16)) for each in fifty]

    assert lockout(observer, f"asha{number}") == (800, None)
    assert lockout(observer, ip) == (800, None)
    assert sorted(each.account_failures or 0 for each in tries) == [*range(1, 801)]
    assert sorted(each.network_failures or 0 for each in tries) == [*range(1, 801)]


def test_each_failure_from_the_limit_on_doubles_the_wait_up_to_15_minutes(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    waits: list[float | None] = []
    account = f"asha{number}"
    for failures in range(1, 20):
        tried = login_attempts._count_try(db, account, ip, ACCOUNT_LIMIT, NEVER)
        assert counts(tried) == (failures, failures)
        counted = lockout(observer, account)
        assert counted is not None
        waits.append(counted[1])
        # The wait goes by; the count stays, because it was not quiet for long enough.
        observer.rows(
            "update oadb.lockouts set unlocks_at = now(), "
            "failed_at = greatest(failed_at, now() - interval '14 minutes') where subject = %s",
            account,
        )

    assert waits == [None] * 4 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] + [900] * 5


def test_a_network_has_a_limit_of_its_own(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    for failures in range(1, NETWORK_LIMIT + 1):
        tries = login_attempts._count_try(db, f"{failures}-{number}", ip)
        assert counts(tries) == (1, failures)

    assert lockout(observer, ip) == (NETWORK_LIMIT, 1)
    assert login_attempts._count_try(db, f"another-{number}", ip).network_failures is None


def test_a_count_of_many_failures_does_not_overflow(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", 2_000_000_000)

    assert login_attempts._count_try(db, f"asha{number}", ip).account_failures == 2_000_000_001
    assert lockout(observer, f"asha{number}") == (2_000_000_001, 900)


def test_after_a_quiet_quarter_of_an_hour_the_count_begins_again(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, 12)
    login_attempts._count_try(db, account, ip)
    age(observer, account, timedelta(minutes=14, seconds=50))
    still = login_attempts._count_try(db, account, ip)
    age(observer, account, timedelta(minutes=15, seconds=2**9 + 1))
    anew = login_attempts._count_try(db, account, ip)

    assert still.account_failures == 14
    assert anew.account_failures == 1
    assert lockout(observer, account) == (1, None)


def test_who_waits_for_the_longest_time_and_guesses_on_waits_as_long_again(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, 20)
    login_attempts._count_try(db, account, ip)
    age(observer, account, timedelta(minutes=15, seconds=1))
    again = login_attempts._count_try(db, account, ip)

    assert again.account_failures == 22
    assert again.wait > timedelta(minutes=14)


def test_while_there_is_a_wait_nothing_is_counted(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, 10)
    login_attempts._count_try(db, account, ip)
    before = observer.rows("select * from oadb.lockouts where subject = %s", account)
    tries = login_attempts._count_try(db, account, ip)

    assert counts(tries) == (None, None)
    assert tries.tried_at is None
    assert observer.rows("select * from oadb.lockouts where subject = %s", account) == before
    assert timedelta(seconds=50) < tries.wait <= timedelta(seconds=64)


def test_the_longer_wait_of_account_and_network_counts(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", 7)
    failed_before(observer, "network", ip, 27)
    counted = login_attempts._count_try(db, f"asha{number}", ip)
    refused = login_attempts._count_try(db, f"asha{number}", ip)

    for tries in (counted, refused):
        assert timedelta(seconds=200) < tries.wait <= timedelta(seconds=256)
    assert login_attempts._count_try(db, f"other{number}", "10.255.255.255").wait == timedelta()


def test_while_a_network_waits_the_accounts_that_it_names_do_not_count(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    """Otherwise one host could lock out everybody."""
    failed_before(observer, "network", ip, NETWORK_LIMIT + 10)
    failed_before(observer, "account", f"known{number}", 2)
    login_attempts._count_try(db, f"first{number}", ip)
    tries = [login_attempts._count_try(db, f"{name}{number}", ip) for name in ("known", "new")]

    assert [counts(each) for each in tries] == [(None, None)] * 2
    assert lockout(observer, f"known{number}") == (2, None)
    assert lockout(observer, f"new{number}") is None
    assert all(each.wait > timedelta(minutes=14) for each in tries)


def test_while_an_account_waits_the_networks_that_name_it_do_not_count(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", ACCOUNT_LIMIT + 5)
    failed_before(observer, "network", ip, 3)
    login_attempts._count_try(db, f"asha{number}", "192.0.2.7")
    tries = [login_attempts._count_try(db, f"asha{number}", each) for each in (ip, f"{ip}0")]

    assert [counts(each) for each in tries] == [(None, None)] * 2
    assert lockout(observer, ip) == (3, None)
    assert lockout(observer, f"{ip}0") is None


@pytest.mark.parametrize("kind", ["account", "network"])
@pytest.mark.parametrize("is_known", [True, False])
def test_of_sixteen_tries_at_once_those_that_have_to_wait_count_for_neither(
    many: Database, observer: Observer, number: int, kind: str, is_known: bool
) -> None:
    """One account is tried from 16 networks, or 16 accounts from one."""
    one, others = f"one{number}", [f"{n}-{number}" for n in range(16)]
    failed_before(observer, kind, one, 30)
    if is_known:
        for other in others:
            failed_before(observer, "network" if kind == "account" else "account", other, 0)
    pairs = [(one, other) if kind == "account" else (other, one) for other in others]
    with threads(16) as pool:
        tries = list(pool.map(lambda pair: login_attempts._count_try(many, *pair), pairs))

    assert len([each for each in tries if each.tried_at is not None]) == 1
    assert lockout(observer, one) == (31, 900)
    assert sum((lockout(observer, other) or (0, None))[0] for other in others) == 1
    assert all(timedelta(minutes=14) < each.wait <= timedelta(minutes=15) for each in tries)


def test_sixteen_tries_at_once_of_one_account_and_network_that_nobody_knew_count_for_both(
    many: Database, observer: Observer, number: int, ip: str
) -> None:
    with threads(16) as pool:
        tries = list(
            pool.map(lambda _: login_attempts._count_try(many, f"asha{number}", ip), range(16))
        )
    counted = sorted(counts(each) for each in tries if each.tried_at is not None)

    assert counted == [(n, n) for n in range(1, ACCOUNT_LIMIT + 1)]
    assert lockout(observer, f"asha{number}") == (ACCOUNT_LIMIT, 1)
    assert lockout(observer, ip) == (ACCOUNT_LIMIT, None)


def test_a_network_forgets_one_failure_a_minute(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "network", ip, 15)
    age(observer, ip, timedelta(minutes=3, seconds=40))
    first = login_attempts._count_try(db, f"a{number}", ip)
    age(observer, ip, timedelta(seconds=30))
    second = login_attempts._count_try(db, f"b{number}", ip)
    age(observer, ip, timedelta(hours=3))
    third = login_attempts._count_try(db, f"c{number}", ip)

    assert [each.network_failures for each in (first, second, third)] == [13, 13, 1]


def test_an_office_that_is_never_quiet_does_not_have_to_wait(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    """An hour: six sign-ins a minute, and every other minute somebody mistypes."""
    waits = []
    for minute in range(60):
        tries = login_attempts._count_try(db, f"{minute}-{number}", ip)
        waits.append(tries.wait)
        if minute % 2 and tries.tried_at is not None:
            login_attempts._revert_try(db, f"{minute}-{number}", ip, tries.tried_at)
        for _ in range(6):
            age(observer, ip, timedelta(seconds=10))
            tries = login_attempts._count_try(db, f"right-{number}", ip)
            waits.append(tries.wait)
            assert tries.tried_at is not None
            login_attempts._revert_try(db, f"right-{number}", ip, tries.tried_at)

    assert {*waits} == {timedelta()}


def test_an_office_that_has_to_wait_recovers_while_it_is_used(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "network", ip, NETWORK_LIMIT + 8)
    for minute in range(10):
        tries = login_attempts._count_try(db, f"{minute}-{number}", ip)
        assert tries.tried_at is not None
        login_attempts._revert_try(db, f"{minute}-{number}", ip, tries.tried_at)
        age(observer, ip, timedelta(minutes=1))

    assert login_attempts._count_try(db, f"last{number}", ip).wait == timedelta()


NAMES = ["ODYSSEUS", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ", "İstanbul", "istanbul", "ẞ", "ß", "K", "k"]


def test_names_that_are_one_user_are_one_account(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    """Python's lower case is not that of the database, by which users are found."""
    names = [name + str(number) for name in NAMES]
    for name in names:
        login_attempts._count_try(db, name, ip)
    keys = [str(observer.ask("select lower(%s::text)", name)) for name in names]

    assert {key: (lockout(observer, key) or (0, None))[0] for key in keys} == {
        key: keys.count(key) for key in keys
    }


def test_a_try_is_taken_back_from_account_and_network(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    tries = [login_attempts._count_try(db, account, ip) for _ in range(3)]
    assert tries[2].tried_at is not None
    login_attempts._revert_try(db, account.upper(), ip, tries[2].tried_at)

    assert lockout(observer, account) == (2, None)
    assert lockout(observer, ip) == (2, None)
    for _ in range(4):
        login_attempts._revert_try(db, account, ip, tries[2].tried_at)
    assert lockout(observer, account) == (0, None)
    assert lockout(observer, ip) == (0, None)


def test_forgiving_takes_back_all_of_an_account(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    for _ in range(3):
        login_attempts._count_try(db, f"asha{number}", ip)

    assert login_attempts._reset_account(db, f"ASHA{number}") == 1
    assert lockout(observer, f"asha{number}") is None
    assert lockout(observer, ip) == (3, None)


@pytest.mark.parametrize("failures", [0, 4, 10, 20])
def test_a_try_that_is_taken_back_ends_the_wait_that_it_made(
    db: Database, observer: Observer, number: int, ip: str, failures: int
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, failures)
    failed_before(observer, "network", ip, failures)
    tries = login_attempts._count_try(db, account, ip)
    assert tries.tried_at is not None
    login_attempts._revert_try(db, account, ip, tries.tried_at)

    assert lockout(observer, account) == (failures, None)
    assert lockout(observer, ip) == (failures, None)


def test_a_try_that_is_taken_back_leaves_the_wait_of_a_later_one(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, ACCOUNT_LIMIT - 2)
    failed_before(observer, "network", ip, NETWORK_LIMIT - 2)
    first, second = (login_attempts._count_try(db, account, ip) for _ in range(2))
    assert first.tried_at is not None
    login_attempts._revert_try(db, account, ip, first.tried_at)

    assert second.wait > timedelta()
    assert lockout(observer, account) == (ACCOUNT_LIMIT - 1, 1)
    assert lockout(observer, ip) == (NETWORK_LIMIT - 1, 1)


def test_taking_back_takes_the_account_before_the_network_as_counting_does(
    db: Database, url: str, observer: Observer, number: int, ip: str
) -> None:
    """Otherwise two sign-ins of one account from one network could wait for each other."""
    account = f"asha{number}"
    tried_at = login_attempts._count_try(db, account, ip).tried_at
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as other:
        other.execute("select from oadb.lockouts where subject = %s for update", [account])
        waiting = pool.submit(login_attempts._revert_try, db, account, ip, tried_at)
        eventually(lambda: observer.running("oadb.lockouts"))
        other.execute("select from oadb.lockouts where subject = %s for update nowait", [ip])
        other.commit()
        waiting.result()

    assert lockout(observer, account) == (0, None)


def test_quiet_counters_are_swept_in_batches_and_others_stay(
    db: Database, observer: Observer, number: int
) -> None:
    login_attempts.sweep_lockouts(db)
    for n in range(4):
        failed_before(observer, "account", f"{n}-{number}", 1)
    for n in range(3):
        age(observer, f"{n}-{number}", timedelta(days=1, seconds=1))

    assert login_attempts.sweep_lockouts(db, 2) == 2
    assert login_attempts.sweep_lockouts(db, 2) == 1
    assert login_attempts.sweep_lockouts(db) == 0
    assert lockout(observer, f"3-{number}") == (1, None)


# Signing in --------------------------------------------------------------------------------------


def test_the_right_password_signs_in_and_leaves_no_count(
    db: Database, observer: Observer, asha: User, ip: str
) -> None:
    failed = login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    signed_in = login_attempts.sign_in(
        db, asha.username.upper(), PASSWORD, ip=ip, device="x" * 600, broker="zerodha"
    )
    (attempt,) = login_attempts.list_recent(db, page_size=1)

    assert failed == SignIn(None, timedelta())
    assert signed_in == SignIn(asha, timedelta())
    assert lockout(observer, asha.username) is None
    assert lockout(observer, ip) == (1, None)
    assert (attempt.user_id, attempt.ip, attempt.broker) == (asha.user_id, ip, "zerodha")
    assert (attempt.device, attempt.method, attempt.outcome) == ("x" * 500, "password", "succeeded")


def test_wrong_passwords_make_wait_and_then_not_even_the_right_one_is_looked_at(
    db: Database, observer: Observer, asha: User, ip: str, counting: Counting
) -> None:
    failed_before(observer, "account", asha.username, 10)
    failed = login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    looked_at = len(counting.verified)
    locked = login_attempts.sign_in(db, asha.username, PASSWORD, ip="192.0.2.1")

    assert failed.user is None
    assert timedelta(seconds=50) < failed.wait <= timedelta(seconds=64)
    assert locked.user is None
    assert timedelta(seconds=50) < locked.wait <= failed.wait
    assert len(counting.verified) == looked_at
    assert outcomes(db, asha.username) == ["failed", "locked"]
    age(observer, asha.username, timedelta(seconds=65))
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).user == asha


def test_a_name_of_nobody_is_answered_as_a_name_of_somebody_is(
    db: Database, asha: User, number: int, ip: str, counting: Counting
) -> None:
    names = asha.username, f"nobody{number}"
    answers = [
        [login_attempts.sign_in(db, name, WRONG, ip=f"{ip[:-1]}{n}") for _ in range(8)]
        for n, name in enumerate(names)
    ]
    counts = [len([s for s in answer if s.wait == timedelta()]) for answer in answers]

    assert counts == [ACCOUNT_LIMIT - 1] * 2
    assert [outcomes(db, name)[:ACCOUNT_LIMIT] for name in names] == [["failed"] * 5] * 2
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
def test_one_client_has_one_network_whatever_addresses_it_takes(
    db: Database, observer: Observer, number: int, addresses: list[str], subject: str
) -> None:
    for address in addresses:
        login_attempts.sign_in(db, f"nobody{number}", WRONG, ip=address)

    assert lockout(observer, subject) == (2, None)


def test_a_network_that_guesses_many_accounts_has_to_wait(
    db: Database, observer: Observer, asha: User, number: int, ip: str, counting: Counting
) -> None:
    failed_before(observer, "network", ip, NETWORK_LIMIT + 5)
    first = login_attempts.sign_in(db, f"nobody{number}", WRONG, ip=ip)
    looked_at = len(counting.verified)
    second = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert first.wait > timedelta(seconds=50)
    assert (second.user, len(counting.verified)) == (None, looked_at)
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip="192.0.2.2").user == asha


def test_an_owner_of_one_account_cannot_wipe_the_count_of_the_network(
    db: Database, observer: Observer, asha: User, number: int, ip: str
) -> None:
    for n in range(3):
        login_attempts.sign_in(db, f"victim{n}-{number}", WRONG, ip=ip)
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, ip) == (3, None)


def test_sixteen_guesses_at_once_get_no_more_than_one_look(
    many: Database, observer: Observer, asha: User, number: int, counting: Counting
) -> None:
    """Ten failures before: the next one makes wait for a minute, so that time plays no part."""
    failed_before(observer, "account", asha.username, 10)
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
    assert lockout(observer, asha.username) == (11, 64)
    assert sorted(outcomes(many, asha.username)) == ["failed"] + ["locked"] * 15


def test_right_passwords_at_once_all_sign_in_while_there_is_no_wait(
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


def test_sign_ins_at_once_never_wait_for_each_other_in_a_circle(
    many: Database, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def right(*_: object) -> User:
        return asha

    monkeypatch.setattr(users, "verify_password", right)
    with threads(8) as pool:
        answers = list(
            pool.map(
                lambda _: login_attempts.sign_in(many, asha.username, PASSWORD, ip=ip), range(400)
            )
        )

    assert {answer.user for answer in answers} <= {asha, None}


@pytest.mark.parametrize("ip", ["", "localhost", "10.0.0.1/8", "fe80::1%eth0"])
def test_an_address_that_is_none_is_refused_before_anything_is_counted(
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
def test_a_name_that_nobody_can_have_fails_and_is_in_the_audit(
    db: Database, name: str, ip: str, counting: Counting
) -> None:
    before = login_attempts.count(db, timedelta(hours=1))

    assert login_attempts.sign_in(db, name, PASSWORD, ip=ip).user is None
    assert login_attempts.count(db, timedelta(hours=1)) == before + 1
    assert counting.verified == [None]


def test_a_name_with_nul_is_not_the_name_without_it(
    db: Database, observer: Observer, asha: User, ip: str
) -> None:
    name = asha.username[:2] + "\0" + asha.username[2:]

    assert login_attempts.sign_in(db, name, PASSWORD, ip=ip).user is None
    assert lockout(observer, asha.username) is None


@pytest.mark.parametrize("device", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
def test_a_device_that_is_no_text_does_not_keep_a_sign_in_out_of_the_audit(
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
    attempts = await login_attempts.list_recent(adb)

    assert failed.user is None
    assert signed_in.user is not None
    assert signed_in.user.user_id == asha.user_id
    assert [each.outcome for each in attempts] == ["succeeded", "failed"]


def unable(error: Exception) -> Callable[..., Coroutine[Any, Any, User]]:
    """Return what stands in for an operation that ends with *error*."""

    async def verify(*_: object) -> User:
        raise error

    return verify


@pytest.mark.parametrize("failures", [0, ACCOUNT_LIMIT - 1, 10])
@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_a_password_that_was_not_verified_is_not_counted_and_is_in_the_audit(
    db: Database, observer: Observer, asha: User, ip: str, counting: Counting,
    failures: int, password: Secret,
) -> None:  # fmt: skip
    failed_before(observer, "account", asha.username, failures)
    counting.error = BusyError("in full use")
    with pytest.raises(BusyError, match="in full use"):
        login_attempts.sign_in(db, asha.username, password, ip=ip)
    counting.error = None
    (attempt,) = login_attempts.list_recent(db, page_size=1)

    assert lockout(observer, asha.username) == (failures, None)
    assert lockout(observer, ip) == (0, None)
    assert (attempt.user_id, attempt.ip) == (asha.user_id, ip)
    assert (attempt.outcome, attempt.reason) == ("unverified", "BusyError")
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).user == asha


def test_who_makes_hashing_busy_does_not_wipe_what_was_counted_before(
    db: Database, observer: Observer, asha: User, ip: str, counting: Counting
) -> None:
    for _ in range(3):
        login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    counting.error = BusyError("in full use")
    for _ in range(10):
        with pytest.raises(BusyError):
            login_attempts.sign_in(db, asha.username, WRONG, ip=ip)

    assert lockout(observer, asha.username) == (3, None)
    assert lockout(observer, ip) == (3, None)


def test_a_database_that_goes_away_while_a_password_is_verified_is_unavailable(
    db: Database, observer: Observer, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count stays where it cannot be taken back: that only slows down."""
    monkeypatch.setattr(users, "verify_password", unable(UnavailableError("gone")))
    with pytest.raises(UnavailableError, match="gone"):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)
    assert outcomes(db, asha.username) == ["unverified"]
    assert lockout(observer, asha.username) == (0, None)

    monkeypatch.setattr(login_attempts, "_revert_try", unable(UnavailableError("still gone")))
    with pytest.raises(UnavailableError, match=r"^gone$"):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)
    assert outcomes(db, asha.username) == ["unverified"]
    assert lockout(observer, asha.username) == (1, None)


def test_the_right_password_is_forgiven_and_recorded_or_neither(
    db: Database, observer: Observer, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "record", unable(UnavailableError("gone")))
    with pytest.raises(UnavailableError):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, asha.username) == (1, None)
    assert lockout(observer, ip) == (1, None)


def test_a_sign_in_does_not_take_part_in_a_transaction_that_could_revert_a_guess(
    db: Database, observer: Observer, asha: User, ip: str, counting: Counting
) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError, match=r"login_attempts\.sign_in"):
        login_attempts.sign_in(tx, asha.username, WRONG, ip=ip)

    assert counting.verified == []
    assert lockout(observer, asha.username) is None
    assert outcomes(db, asha.username) == []


def test_a_ring_that_does_not_fit_is_noticed_before_anything_is_counted(
    url: str, observer: Observer, asha: User, ip: str
) -> None:
    other = KeyRing([Key(1, "primary", datetime.now(UTC), bytes(range(32)))])
    with (
        Database(replace(configured(url), keyring=other)) as stranger,
        pytest.raises(KeyRingError),
    ):
        login_attempts.sign_in(stranger, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, asha.username) is None
