"""Lockouts: failed sign-ins are counted by account, by network and by both, and cause waits."""

from datetime import timedelta

import psycopg
import pytest

from oadb import Database
from oadb.accounts.lockouts import ACCOUNT_LIMIT, CLIENT_LIMIT, NETWORK_LIMIT, Tries
from tests.support.lockouts import (
    AGE,
    NEVER,
    age_lockout,
    attempt,
    failed_before,
    failures,
    lockout,
    revert,
)
from tests.support.rig import Observer, threads


def counts(tries: Tries) -> tuple[int | None, int | None]:
    """Return the failures of the account and of the network."""
    return failures(tries), failures(tries, "network")


def test_800_concurrent_tries_are_all_counted(
    many: Database, observer: Observer, number: int, ip: str
) -> None:
    def try_fifty(thread: int) -> list[Tries]:
        del thread
        return [attempt(many, f"asha{number}", ip, **NEVER) for _ in range(50)]

    with threads(16) as pool:
        tries = [each for fifty in pool.map(try_fifty, range(16)) for each in fifty]

    assert lockout(observer, f"asha{number}") == (800, None)
    assert lockout(observer, ip) == (800, None)
    for kind in ("account", "account_network", "network"):
        assert sorted(failures(each, kind) or 0 for each in tries) == [*range(1, 801)]


def test_each_failure_from_the_limit_on_doubles_the_wait_up_to_15_minutes(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    waits: list[float | None] = []
    client = f"asha{number} {ip}"
    limits = {**NEVER, "client_limit": CLIENT_LIMIT}
    for tried in range(1, 20):
        tries = attempt(db, f"asha{number}", ip, **limits)
        assert counts(tries) == (tried, tried)
        counted = lockout(observer, client)
        assert counted is not None
        waits.append(counted[1])
        # The wait ends, and nothing is forgotten.
        observer.rows(
            "update oadb.lockouts set unlocks_at = now(), decayed_at = now() where subject = %s",
            client,
        )

    assert waits == [None] * 4 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] + [900] * 5


@pytest.mark.parametrize(
    ("kind", "minutes", "left"), [("account", 29, 11), ("account_network", 149, 11)]
)
def test_an_account_and_a_client_forget_failures_one_by_one(
    db: Database, observer: Observer, number: int, ip: str, kind: str, minutes: int, left: int
) -> None:
    """One in 3 minutes, and one in 15."""
    account = f"asha{number}"
    subject = account if kind == "account" else f"{account} {ip}"
    failed_before(observer, kind, subject, 19)
    age_lockout(observer, subject, timedelta(minutes=minutes))
    tries = attempt(db, account, ip)

    assert failures(tries, kind) == left
    assert tries.tried_at is not None


def test_a_network_has_a_limit_of_its_own(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    for failed in range(1, NETWORK_LIMIT + 1):
        tries = attempt(db, f"{failed}-{number}", ip)
        assert counts(tries) == (1, failed)

    assert lockout(observer, ip) == (NETWORK_LIMIT, 1)
    assert attempt(db, f"another-{number}", ip).tried_at is None


def test_each_wider_network_has_twice_the_limit(
    db: Database, observer: Observer, number: int
) -> None:
    """Those of others in it are not kept out by a few failures."""
    wider = [f"2001:db8:{number:x}::/56", f"2001:db8:{number:x}::/48"]
    for network, limit in zip(wider, (2 * NETWORK_LIMIT, 4 * NETWORK_LIMIT), strict=True):
        failed_before(observer, "network", network, limit - 2)
    clients = (f"2001:db8:{number:x}:{n}::/64" for n in range(9))

    attempt(db, f"first-{number}", next(clients), wider=wider)
    assert [lockout(observer, network) for network in wider] == [
        (2 * NETWORK_LIMIT - 1, None),
        (4 * NETWORK_LIMIT - 1, None),
    ]
    attempt(db, f"second-{number}", next(clients), wider=wider)
    assert [lockout(observer, network) for network in wider] == [
        (2 * NETWORK_LIMIT, 1),
        (4 * NETWORK_LIMIT, 1),
    ]


def test_a_count_of_many_failures_does_not_overflow(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", 2_000_000_000)

    assert failures(attempt(db, f"asha{number}", ip)) == 2_000_000_001
    assert lockout(observer, f"asha{number}") == (2_000_000_001, 900)


def test_a_failure_after_the_longest_wait_causes_the_longest_wait_again(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    client = f"{account} {ip}"
    failed_before(observer, "account_network", client, 20)
    attempt(db, account, ip)
    age_lockout(observer, client, timedelta(minutes=15, seconds=1))
    again = attempt(db, account, ip)

    assert failures(again, "account_network") == 21
    assert again.wait > timedelta(minutes=14)


def test_while_there_is_a_wait_nothing_is_counted(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, ACCOUNT_LIMIT + 5)
    attempt(db, account, ip)
    before = observer.rows("select * from oadb.lockouts where subject = %s", account)
    tries = attempt(db, account, ip)

    assert counts(tries) == (None, None)
    assert tries.tried_at is None
    assert observer.rows("select * from oadb.lockouts where subject = %s", account) == before
    assert timedelta(seconds=50) < tries.wait <= timedelta(seconds=64)


def test_the_longer_wait_of_account_and_network_counts(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", 22)
    failed_before(observer, "network", ip, 27)
    counted = attempt(db, f"asha{number}", ip)
    refused = attempt(db, f"asha{number}", ip)

    for tries in (counted, refused):
        assert timedelta(seconds=200) < tries.wait <= timedelta(seconds=256)
    assert attempt(db, f"other{number}", "10.255.255.255").wait == timedelta()


def test_while_a_network_waits_the_accounts_that_it_names_do_not_count(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    """Otherwise one host could lock out everybody."""
    failed_before(observer, "network", ip, NETWORK_LIMIT + 10)
    failed_before(observer, "account", f"known{number}", 2)
    attempt(db, f"first{number}", ip)
    tries = [attempt(db, f"{name}{number}", ip) for name in ("known", "new")]

    assert [counts(each) for each in tries] == [(None, None)] * 2
    assert lockout(observer, f"known{number}") == (2, None)
    assert lockout(observer, f"new{number}") is None
    assert all(each.wait > timedelta(minutes=14) for each in tries)


def test_while_an_account_waits_the_networks_that_name_it_do_not_count(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "account", f"asha{number}", ACCOUNT_LIMIT + 5)
    failed_before(observer, "network", ip, 3)
    attempt(db, f"asha{number}", "192.0.2.7")
    tries = [attempt(db, f"asha{number}", each) for each in (ip, f"{ip}0")]

    assert [counts(each) for each in tries] == [(None, None)] * 2
    assert lockout(observer, ip) == (3, None)
    assert lockout(observer, f"{ip}0") is None


@pytest.mark.parametrize("kind", ["account", "network"])
@pytest.mark.parametrize("is_known", [True, False])
def test_concurrent_tries_that_have_to_wait_count_for_neither(
    many: Database, observer: Observer, number: int, ip: str, kind: str, is_known: bool
) -> None:
    """One account is tried from 16 networks, or 16 accounts from one network."""
    if kind == "account":
        one, others = f"one{number}", [f"172.{n}.{number // 256}.{number % 256}" for n in range(16)]
    else:
        one, others = ip, [f"{n}-{number}" for n in range(16)]
    failed_before(observer, kind, one, 30)
    if is_known:
        for other in others:
            failed_before(observer, "network" if kind == "account" else "account", other, 0)
    pairs = [(one, other) if kind == "account" else (other, one) for other in others]
    with threads(16) as pool:
        tries = list(pool.map(lambda pair: attempt(many, *pair), pairs))

    assert len([each for each in tries if each.tried_at is not None]) == 1
    assert lockout(observer, one) == (31, 900)
    assert sum((lockout(observer, other) or (0, None))[0] for other in others) == 1
    # From the beginning of each statement, which may be earlier than the try that was counted.
    waits = [each.wait - timedelta(minutes=15) for each in tries]
    assert all(timedelta(minutes=-1) < wait < timedelta(minutes=1) for wait in waits)


def test_concurrent_tries_of_a_new_account_from_a_new_network_count_for_both(
    many: Database, observer: Observer, number: int, ip: str
) -> None:
    with threads(16) as pool:
        tries = list(pool.map(lambda _: attempt(many, f"asha{number}", ip), range(16)))
    counted = sorted(counts(each) for each in tries if each.tried_at is not None)

    assert counted == [(n, n) for n in range(1, CLIENT_LIMIT + 1)]
    assert lockout(observer, f"asha{number} {ip}") == (CLIENT_LIMIT, 1)
    assert lockout(observer, f"asha{number}") == (CLIENT_LIMIT, None)
    assert lockout(observer, ip) == (CLIENT_LIMIT, None)


def test_a_network_forgets_one_failure_a_minute(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "network", ip, 15)
    age_lockout(observer, ip, timedelta(minutes=3, seconds=40))
    first = attempt(db, f"a{number}", ip)
    age_lockout(observer, ip, timedelta(seconds=30))
    second = attempt(db, f"b{number}", ip)
    age_lockout(observer, ip, timedelta(hours=3))
    third = attempt(db, f"c{number}", ip)

    assert [failures(each, "network") for each in (first, second, third)] == [13, 13, 1]


@pytest.mark.long("hundreds of sign-ins")
def test_an_office_that_is_never_quiet_does_not_have_to_wait(
    db: Database, url: str, number: int, ip: str
) -> None:
    """One hour: six sign-ins a minute, and every other minute one wrong password."""
    waits = []
    passed = timedelta(seconds=10)
    with psycopg.connect(url, autocommit=True) as connection:
        for minute in range(60):
            tries = attempt(db, f"{minute}-{number}", ip)
            waits.append(tries.wait)
            if minute % 2 and tries.tried_at is not None:
                revert(db, tries)
            for _ in range(6):
                connection.execute(AGE, (passed, passed, passed, ip))
                tries = attempt(db, f"right-{number}", ip)
                waits.append(tries.wait)
                revert(db, tries)

    assert {*waits} == {timedelta()}


def test_an_office_that_has_to_wait_recovers_while_it_is_used(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    failed_before(observer, "network", ip, NETWORK_LIMIT + 8)
    for minute in range(10):
        tries = attempt(db, f"{minute}-{number}", ip)
        revert(db, tries)
        age_lockout(observer, ip, timedelta(minutes=1))

    assert attempt(db, f"last{number}", ip).wait == timedelta()


NAMES = ["ODYSSEUS", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ", "İstanbul", "istanbul", "ẞ", "ß", "K", "k"]


def test_names_of_one_user_count_as_one_account(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    """Users are found by the database's lower case, which is not that of Python."""
    names = [name + str(number) for name in NAMES]
    for name in names:
        attempt(db, name, ip)
    keys = [str(observer.ask("select lower(%s::text)", name)) for name in names]

    assert {key: (lockout(observer, key) or (0, None))[0] for key in keys} == {
        key: keys.count(key) for key in keys
    }
