"""Defects of passwords.

Each test is named after what happened in a comparable data layer, and must not happen here; the
numbers are those of its known defects.
"""

import argon2
import psycopg
import pytest

from oadb import Database, Secret
from oadb.accounts import login_attempts, sealed_passwords, sessions, users
from oadb.accounts.sessions import Session
from oadb.errors import NoRowError
from oadb.security.passwords import Passwords
from oadb.security.refusals import Refusal
from tests.support.accounts import OTHER, PASSWORD, account, new_user, noted
from tests.support.rig import Observer, eventually, threads

pytestmark = pytest.mark.usefixtures("cheap_hashing")


# Defect 11.
def test_the_old_password_is_not_accepted_a_moment_after_it_was_changed(
    db: Database, other_process: Database, user: users.SignedInUser
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    assert users.verify_password(other_process, user.username, PASSWORD) is not None
    users.set_password(db, user.user_id, OTHER)

    assert users.verify_password(other_process, user.username, PASSWORD) is None
    assert users.verify_password(other_process, user.username, OTHER) is not None


# Defect 11.
def test_a_wrong_password_does_not_make_the_right_one_wrong(
    db: Database, user: users.SignedInUser
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    users.verify_password(db, user.username, OTHER)

    assert users.verify_password(db, user.username, PASSWORD) is not None


# Defect 11.
def test_an_unknown_name_is_not_answered_without_hashing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(Passwords):
        refused = 0

        def _refuse(self, given: bytes) -> bool:
            Counting.refused += 1
            return super()._refuse(given)

    monkeypatch.setattr(sealed_passwords, "passwords", Counting(argon2.profiles.CHEAPEST))
    assert users.verify_password(db, "nobody", PASSWORD) is None
    assert Counting.refused == 1


def test_a_hash_copied_from_another_user_matches_no_password(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    admin = account(db, new_user(db))
    users.set_password(db, user.user_id, PASSWORD)
    users.set_password(db, admin.user_id, OTHER)
    observer.rows(
        "update oadb.users set password_hash = "
        "(select password_hash from oadb.users where user_id = %s) where user_id = %s",
        user.user_id,
        admin.user_id,
    )

    assert users.verify_password(db, admin.username, PASSWORD) is None
    assert users.verify_password(db, admin.username, OTHER) is None
    assert users.verify_password(db, user.username, PASSWORD) is not None


def test_a_new_password_ends_all_other_sessions(db: Database, user: users.SignedInUser) -> None:
    kept, ended = (sessions.create(db, account(db, user.user_id)) for _ in range(2))
    other = sessions.create(db, account(db, new_user(db)))
    users.set_password(db, user.user_id, PASSWORD, keep=kept.session.session_id)

    assert isinstance(sessions.verify(db, kept.token), Session)
    assert sessions.verify(db, ended.token) is Refusal.UNKNOWN
    assert isinstance(sessions.verify(db, other.token), Session)
    users.set_password(db, user.user_id, OTHER)
    assert sessions.verify(db, kept.token) is Refusal.UNKNOWN


def test_a_sign_in_with_the_old_password_gets_no_session(
    db: Database, user: users.SignedInUser
) -> None:
    """Also if the old password was verified just before the owner set a new one."""
    users.set_password(db, user.user_id, PASSWORD)
    thief = login_attempts.sign_in(db, user.username, PASSWORD, ip="192.0.2.1").user
    assert thief is not None
    users.set_password(db, user.user_id, OTHER)

    with pytest.raises(NoRowError, match=f"user {user.user_id} was deleted, disabled"):
        sessions.create(db, thief)
    assert sessions.list_by_user(db, user.user_id).rows == []
    owner = login_attempts.sign_in(db, user.username, OTHER, ip="192.0.2.1").user
    assert owner is not None
    assert isinstance(sessions.verify(db, sessions.create(db, owner).token), Session)


def test_a_password_that_changes_while_it_is_verified_is_refused(
    db: Database, user: users.SignedInUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    verify = sealed_passwords.passwords.verify

    def meanwhile(known: Secret | None, password: Secret) -> bool:
        right = verify(known, password)
        users.set_password(db, user.user_id, OTHER)
        return right

    monkeypatch.setattr(sealed_passwords.passwords, "verify", meanwhile)
    assert users.verify_password(db, user.username, PASSWORD) is None


def test_a_rehash_does_not_count_as_a_new_password(
    db: Database, user: users.SignedInUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in after stronger parameters were set still gets a session."""
    users.set_password(db, user.user_id, PASSWORD)
    before = account(db, user.user_id).auth_epoch
    monkeypatch.setattr(sealed_passwords.passwords, "is_outdated", lambda _: True)

    verified = users.verify_password(db, user.username, PASSWORD)
    assert verified is not None
    noted(db)
    assert verified.auth_epoch == account(db, user.user_id).auth_epoch == before


def test_a_password_is_not_changed_without_ending_the_sessions(
    db: Database, url: str, user: users.SignedInUser
) -> None:
    """In one transaction: until the sessions are ended, the old password is valid."""
    users.set_password(db, user.user_id, PASSWORD)
    made = sessions.create(db, account(db, user.user_id))
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute("select from oadb.sessions where user_id = %s for update", [user.user_id])
        changing = pool.submit(users.set_password, db, user.user_id, OTHER)
        eventually(lambda: Observer(url).running("oadb.sessions"))
        assert users.verify_password(db, user.username, PASSWORD) is not None
        assert users.verify_password(db, user.username, OTHER) is None
        other.rollback()
        changing.result()

    assert users.verify_password(db, user.username, OTHER) is not None
    assert sessions.verify(db, made.token) is Refusal.UNKNOWN


def test_a_password_change_that_is_rolled_back_ends_no_session(
    db: Database, user: users.SignedInUser
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    made = sessions.create(db, account(db, user.user_id))

    def change() -> None:
        with db.transaction() as tx:
            users.set_password(tx, user.user_id, OTHER)
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert isinstance(sessions.verify(db, made.token), Session)
    assert users.verify_password(db, user.username, PASSWORD) is not None
