"""Requests that somebody makes a browser send must not ban its user."""

from datetime import timedelta

import pytest

from oadb import Database
from oadb.accounts import login_attempts, sessions, users
from oadb.accounts.users import SignedInUser
from oadb.bans import ip_bans, trackers
from oadb.settings import app_settings
from tests.support.accounts import PASSWORD, account
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("cheap_hashing")

USERS = {"IPv4": "198.51.100.7", "IPv6": "2001:db8:1:2::7"}
NEIGHBOURS = {"IPv4": "198.51.100.7", "IPv6": "2001:db8:1:2::8"}

each_version = pytest.mark.parametrize("version", USERS)


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


@pytest.fixture
def asha(db: Database) -> SignedInUser:
    """Give a user; twenty requests that are not found ban a network, or three wrong keys."""
    app_settings.update_security(
        db,
        by=None,
        auto_ban_enabled=True,
        not_found_threshold=20,
        not_found_ban=timedelta(hours=24),
        bad_key_threshold=3,
        bad_key_ban=timedelta(hours=24),
    )
    user_id = users.create(db, "asha", "asha@example.in").user_id
    users.set_password(db, user_id, PASSWORD)
    return account(db, user_id)


def request_images(db: Database, ip: str) -> None:
    """Do what a page of somebody else makes a browser do: ask for what is not there."""
    for number in range(30):
        trackers.track_not_found(db, ip, f"/img/{number}")
    for _ in range(5):
        trackers.track_bad_key(db, ip)


@each_version
def test_a_network_with_a_live_session_is_not_banned(
    db: Database, asha: SignedInUser, version: str
) -> None:
    made = sessions.create(db, asha, ip=USERS[version])
    request_images(db, NEIGHBOURS[version])

    assert ip_bans.find_by_ip(db, USERS[version]) is None
    assert trackers.count_suspects(db, "not_found") == 1, "it can be seen"
    assert sessions.end(db, asha.user_id, made.session.session_id)
    assert trackers.track_not_found(db, NEIGHBOURS[version], "/img/31").ban


@each_version
def test_a_user_who_has_signed_out_can_sign_in_again_after_a_foreign_page(
    db: Database, observer: Observer, asha: SignedInUser, version: str
) -> None:
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=USERS[version])
    request_images(db, NEIGHBOURS[version])
    assert ip_bans.find_by_ip(db, USERS[version]) is None

    observer.rows("update oadb.known_networks set signed_in_at = now() - interval '30 days'")
    assert trackers.track_not_found(db, NEIGHBOURS[version], "/img/31").ban


def test_a_session_that_has_lapsed_or_is_elsewhere_protects_nobody(
    db: Database, observer: Observer, asha: SignedInUser
) -> None:
    sessions.create(db, asha, ip="198.51.100.8")
    sessions.create(db, asha, ip=USERS["IPv4"])
    sessions.create(db, asha)
    observer.rows("update oadb.sessions set lapses_at = now() where ip = %s", USERS["IPv4"])
    request_images(db, USERS["IPv4"])

    assert ip_bans.find_by_ip(db, USERS["IPv4"])


def test_a_person_bans_whom_he_wants(db: Database, asha: SignedInUser) -> None:
    sessions.create(db, asha, ip=USERS["IPv4"])

    assert ip_bans.ban(db, USERS["IPv4"], "a scanner", by=None)
