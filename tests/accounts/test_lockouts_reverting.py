"""Lockouts: counts of failed sign-ins are reverted, reset and deleted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from oadb import Database
from oadb.accounts import lockouts
from oadb.accounts.lockouts import ACCOUNT_LIMIT, NETWORK_LIMIT
from tests.support.lockouts import NEVER, age_lockout, attempt, failed_before, lockout, revert
from tests.support.rig import Observer, eventually, threads


def test_a_try_is_reverted_for_account_and_network(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    tries = [attempt(db, account, ip) for _ in range(3)]
    revert(db, tries[2])

    for subject in (account, ip, f"{account} {ip}"):
        assert lockout(observer, subject) == (2, None)
    for _ in range(4):
        revert(db, tries[2])
    assert lockout(observer, account) == (0, None)
    assert lockout(observer, ip) == (0, None)


def test_a_reset_deletes_the_counts_of_the_account_and_no_others(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    for name in (account, account, f"{account}2"):
        attempt(db, name, ip)

    assert lockouts._reset_account(db, account.upper()) == 2
    assert lockout(observer, account) is None
    assert lockout(observer, f"{account} {ip}") is None
    assert lockout(observer, f"{account}2 {ip}") == (1, None)
    assert lockout(observer, ip) == (3, None)


@pytest.mark.parametrize("failures", [0, 4, 19, 30])
def test_a_reverted_try_ends_the_wait_that_it_caused(
    db: Database, observer: Observer, number: int, ip: str, failures: int
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, failures)
    failed_before(observer, "network", ip, failures)
    revert(db, attempt(db, account, ip))

    assert lockout(observer, account) == (failures, None)
    assert lockout(observer, ip) == (failures, None)


def test_a_reverted_try_leaves_the_wait_of_a_later_one(
    db: Database, observer: Observer, number: int, ip: str
) -> None:
    account = f"asha{number}"
    failed_before(observer, "account", account, ACCOUNT_LIMIT - 2)
    failed_before(observer, "network", ip, NETWORK_LIMIT - 2)
    first, second = (attempt(db, account, ip) for _ in range(2))
    revert(db, first)

    assert second.wait > timedelta()
    assert lockout(observer, account) == (ACCOUNT_LIMIT - 1, 1)
    assert lockout(observer, ip) == (NETWORK_LIMIT - 1, 1)


def test_reverting_locks_the_account_before_the_network_as_counting_does(
    db: Database, url: str, observer: Observer, number: int, ip: str
) -> None:
    """Otherwise two sign-ins of one account from one network could deadlock."""
    account = f"asha{number}"
    tries = attempt(db, account, ip)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as other:
        other.execute("select from oadb.lockouts where subject = %s for update", [account])
        waiting = pool.submit(revert, db, tries)
        eventually(lambda: observer.running("oadb.lockouts"))
        other.execute("select from oadb.lockouts where subject = %s for update nowait", [ip])
        other.commit()
        waiting.result()

    assert lockout(observer, account) == (0, None)


def test_quiet_counters_are_deleted_in_batches_and_others_stay(
    db: Database, observer: Observer, number: int
) -> None:
    lockouts.delete_expired(db)
    for n in range(4):
        failed_before(observer, "account", f"{n}-{number}", 1)
    for n in range(3):
        age_lockout(observer, f"{n}-{number}", timedelta(days=1, seconds=1))

    assert lockouts.delete_expired(db, batch=2) == 2
    assert lockouts.delete_expired(db, batch=2) == 1
    assert lockouts.delete_expired(db) == 0
    assert lockout(observer, f"3-{number}") == (1, None)


def test_a_sweep_does_not_wait_for_a_locked_counter(
    db: Database, url: str, observer: Observer, number: int
) -> None:
    lockouts.delete_expired(db)
    for n in range(2):
        failed_before(observer, "account", f"{n}-{number}", 1)
        age_lockout(observer, f"{n}-{number}", timedelta(days=2 - n, seconds=1))
    with psycopg.connect(url) as other:
        other.execute("select from oadb.lockouts where subject = %s for update", [f"0-{number}"])
        assert lockouts.delete_expired(db, batch=1) == 1
        assert lockout(observer, f"1-{number}") is None
    assert lockouts.delete_expired(db, batch=1) == 1


@pytest.mark.long("hundreds of concurrent writes")
def test_tries_successes_and_unlocking_at_once_do_not_deadlock(
    many: Database, observer: Observer, number: int
) -> None:
    """Accounts and networks of an IPv6 /48 in all combinations."""

    def work(place: int) -> None:
        account = f"{place % 3}-{number}"
        networks = [
            f"2001:db8:{number:x}:{place % 5:x}::/64",
            f"2001:db8:{number:x}::/56",
            f"2001:db8:{number:x}::/48",
        ]
        tries = attempt(many, account, networks[0], wider=networks[1:], **NEVER)
        assert len(tries.kinds) == 5
        assert tries.tried_at is not None
        if place % 4:
            lockouts.revert_try(
                many, tries.kinds, tries.subjects, tries.tried_at, is_signed_in=place % 4 == 1
            )
        if place % 7 == 0:
            lockouts.unlock(many, account)

    with threads(16) as pool:
        [*pool.map(work, range(480))]

    left = lockout(observer, f"2001:db8:{number:x}::/48")
    assert left is not None
    assert left[0] <= 120, "those that were not reverted, fewer if the test took long"
