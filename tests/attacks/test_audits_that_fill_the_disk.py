"""Who has to wait must not fill the audit of sign-ins: his tries are counted in one row."""

from datetime import timedelta

import pytest

from oadb import Database
from oadb.accounts import login_attempts
from tests.support.lockouts import WRONG
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.usefixtures("cheap_hashing")

IP = "198.51.100.7"


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


def lock(observer: Observer, kind: str, subject: str) -> None:
    observer.rows(
        "insert into oadb.lockouts (kind, subject, failures, failed_at, unlocks_at) "
        "values (%s, %s, 30, now(), now() + interval '15 minutes')",
        kind,
        subject,
    )


def rows(observer: Observer) -> int:
    counted: int = observer.ask("select count(*) from oadb.login_attempts")
    return counted


def test_200_refused_tries_are_one_row_with_their_number_and_the_last_time(
    db: Database, observer: Observer
) -> None:
    lock(observer, "account", "asha")
    with threads(4) as pool:
        [*pool.map(lambda _: login_attempts.sign_in(db, "asha", WRONG, ip=IP), range(200))]
    found = login_attempts.list_attempts(db, outcome="locked").rows

    # Two, if an hour began meanwhile.
    assert sum(each.tries for each in found) == 200
    assert rows(observer) == len(found) <= 2
    assert {(each.username, each.ip) for each in found} == {("asha", IP)}
    assert all(each.last_at > each.attempted_at for each in found if each.tries > 1)
    assert login_attempts.count(db, outcome="locked") == 200


def test_a_locked_network_makes_one_row_whatever_names_it_gives(
    db: Database, observer: Observer
) -> None:
    lock(observer, "network", IP)
    for number in range(50):
        login_attempts.sign_in(db, f"user{number}", WRONG, ip=IP)

    assert rows(observer) <= 2
    assert login_attempts.count(db) == 50


def test_the_networks_of_one_ipv6_client_make_one_row(db: Database, observer: Observer) -> None:
    lock(observer, "account", "asha")
    for number in range(50):
        login_attempts.sign_in(db, "asha", WRONG, ip=f"2001:db8:0:{number:x}::1")

    assert rows(observer) <= 2
    assert login_attempts.count(db) == 50


def test_each_account_network_and_hour_has_a_row_of_its_own(
    db: Database, observer: Observer
) -> None:
    lock(observer, "account", "asha")
    lock(observer, "account", "ravi")
    for name, ip in (("asha", IP), ("ravi", IP), ("ASHA", "198.51.100.8"), ("Asha", IP)):
        login_attempts.sign_in(db, name, WRONG, ip=ip)
    observer.rows("update oadb.locked_clients set hour_at = hour_at - interval '1 hour'")
    login_attempts.sign_in(db, "asha", WRONG, ip=IP)

    assert rows(observer) in {4, 5}
    assert login_attempts.count(db) == 5


def test_a_row_that_is_finished_is_not_counted_again(db: Database, observer: Observer) -> None:
    lock(observer, "account", "asha")
    for _ in range(3):
        login_attempts.sign_in(db, "asha", WRONG, ip=IP)
    observer.rows("delete from oadb.locked_clients")
    for _ in range(2):
        login_attempts.sign_in(db, "asha", WRONG, ip=IP)

    assert login_attempts.count(db) == 5


def test_refused_tries_are_deleted_with_the_audit(db: Database, observer: Observer) -> None:
    lock(observer, "account", "asha")
    login_attempts.sign_in(db, "asha", WRONG, ip=IP)
    observer.rows("update oadb.login_attempts set attempted_at = now() - interval '91 days'")

    assert login_attempts.delete_old(db, older_than=timedelta(days=90)) == 1
