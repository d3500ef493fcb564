"""Elevation: what a session proves, asking for more, and a new token for it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from oadb import Database, Refusal, Secret
from oadb.accounts import elevation, login_attempts, second_factors, sessions, users
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.users import SignedInUser
from oadb.errors import NoRowError, TransactionError
from tests.support.accounts import OTHER, PASSWORD, account
from tests.support.authenticators import Authenticator, failures
from tests.support.rig import Observer


@pytest.fixture
def made(db: Database, user: SignedInUser) -> NewSession:
    return sessions.create(db, user, device="Firefox", ip="192.0.2.1", data={"theme": "dark"})


@pytest.fixture
def confirmed(db: Database, user_id: int, phone: Authenticator) -> Authenticator:
    """Give the authenticator of a confirmed factor; sessions that are made now stay."""
    assert second_factors.verify(db, user_id, phone.code(-1))
    return phone


def new_of(found: NewSession | Refusal | None) -> NewSession:
    assert isinstance(found, NewSession)
    return found


def verified(db: Database, token: Secret) -> Session:
    found = sessions.verify(db, token)
    assert isinstance(found, Session)
    return found


def age(observer: Observer, session: Session, by: timedelta) -> None:
    observer.rows(
        "update oadb.sessions set authenticated_at = authenticated_at - %s where session_id = %s",
        by,
        session.session_id,
    )


def test_a_password_alone_is_assurance_1_and_with_a_code_2(
    db: Database, user_id: int, asha: SignedInUser, ip: str
) -> None:
    signed = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).user

    assert signed is not None
    assert signed.assurance == 1
    assert sessions.create(db, signed).session.assurance == 1
    strong = sessions.create(db, account(db, user_id, assurance=2))
    assert strong.session.assurance == 2
    assert sessions.get(db, user_id, strong.session.session_id) == strong.session


def test_a_sign_in_with_a_code_is_assurance_2(
    db: Database, asha: SignedInUser, ip: str, clock: int
) -> None:
    factor = second_factors.enroll(db, asha.user_id, account="asha")
    assert factor is not None
    phone = Authenticator(clock, factor)
    assert second_factors.verify(db, asha.user_id, phone.code(-1))
    second_factors.set_required(
        db, asha.user_id, for_login=True, for_mcp=False, for_password_reset=False
    )

    signed = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=phone.code())

    assert signed.user is not None
    assert signed.user.assurance == 2


def test_more_than_a_session_proves_is_too_weak(
    db: Database, observer: Observer, user_id: int, made: NewSession
) -> None:
    strong = sessions.create(db, account(db, user_id, assurance=2))
    minutes = timedelta(minutes=10)

    assert sessions.verify(db, made.token, at_least=2) is Refusal.TOO_WEAK
    assert sessions.verify(db, made.token, max_age=minutes)
    assert sessions.verify(db, strong.token, at_least=2, max_age=minutes)

    age(observer, strong.session, minutes)
    assert sessions.verify(db, strong.token, at_least=2, max_age=minutes) is Refusal.TOO_WEAK
    assert sessions.verify(db, strong.token, at_least=2)
    assert sessions.verify(db, sessions.TOKEN.new(1), at_least=2) is Refusal.UNKNOWN


def test_a_code_elevates_a_session_which_gets_a_new_token(
    db: Database,
    observer: Observer,
    user_id: int,
    confirmed: Authenticator,
    made: NewSession,
) -> None:
    age(observer, made.session, timedelta(hours=1))

    elevated = elevation.by_code(db, made.token, confirmed.code())

    assert elevated
    new = new_of(elevated.new)
    assert sessions.verify(db, made.token) is Refusal.UNKNOWN
    found = sessions.verify(db, new.token, at_least=2, max_age=timedelta(minutes=1))
    assert found == new.session
    assert new.session.session_id != made.session.session_id
    kept = ("device", "ip", "broker", "data", "expires_at")
    assert [getattr(new.session, name) for name in kept] == [
        getattr(made.session, name) for name in kept
    ]
    assert len(sessions.list_by_user(db, user_id).rows) == 1


def test_a_wrong_code_elevates_nothing_and_counts(
    db: Database,
    observer: Observer,
    user_id: int,
    confirmed: Authenticator,
    made: NewSession,
) -> None:
    assert not elevation.by_code(db, made.token, confirmed.wrong())
    assert failures(observer, user_id) == 1
    assert verified(db, made.token).assurance == 1
    assert not elevation.by_code(db, sessions.TOKEN.new(1), confirmed.code())
    assert failures(observer, user_id) == 1


def test_without_a_second_factor_no_code_elevates(db: Database, made: NewSession) -> None:
    assert not elevation.by_code(db, made.token, Secret("000000"))


def test_a_code_is_not_verified_in_a_transaction(db: Database, made: NewSession) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError):
        elevation.by_code(tx, made.token, Secret("000000"))


def test_a_sign_in_renews_a_session(
    db: Database, observer: Observer, user: SignedInUser, made: NewSession
) -> None:
    age(observer, made.session, timedelta(hours=1))

    new = new_of(elevation.by_sign_in(db, made.token, user))

    assert sessions.verify(db, new.token, max_age=timedelta(minutes=1))
    assert sessions.verify(db, made.token) is Refusal.UNKNOWN


def test_another_user_renews_no_session(db: Database, asha: SignedInUser, made: NewSession) -> None:
    assert elevation.by_sign_in(db, made.token, asha) is Refusal.UNKNOWN
    assert verified(db, made.token) == made.session


def test_a_sign_in_before_a_new_password_renews_no_session(
    db: Database, asha: SignedInUser
) -> None:
    made = sessions.create(db, asha)
    users.set_password(db, asha.user_id, OTHER, keep=made.session.session_id)

    with pytest.raises(NoRowError, match=r"^elevation\.by_sign_in: .* new password"):
        elevation.by_sign_in(db, made.token, asha)
    assert verified(db, made.token) == made.session


def test_one_of_several_at_once_replaces_a_session(many: Database, user: SignedInUser) -> None:
    made = sessions.create(many, user)

    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(elevation.by_sign_in, many, made.token, user) for _ in range(8)]
        found = [each.result() for each in tries]

    assert sum(map(bool, found)) == 1
    assert len(sessions.list_by_user(many, user.user_id).rows) == 1
