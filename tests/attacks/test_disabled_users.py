"""A user who is disabled must get in by no way, from that statement on; nobody else learns of it.

Here the column is written as by hand, with nothing else: each lookup refuses by itself.
"""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta

import pytest

from oadb import Database, Refusal, Secret
from oadb.accounts import (
    api_keys,
    authorization,
    broker_tokens,
    login_attempts,
    sealed_passwords,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.security_events import list_by_user
from oadb.accounts.users import SignedInUser
from oadb.errors import NoRowError
from oadb.security.passwords import Passwords
from oadb.trading import chartink, strategies
from tests.conftest import configured
from tests.support.accounts import PASSWORD, account, issue, new_user
from tests.support.deleted_actors import BLOCKED
from tests.support.lockouts import WRONG, CountingPasswords
from tests.support.rig import Observer, eventually, threads

IP = "192.0.2.1"


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> CountingPasswords:
    counting = CountingPasswords()
    monkeypatch.setattr(sealed_passwords, "passwords", counting)
    return counting


@pytest.fixture
def asha(db: Database, counting: Passwords) -> SignedInUser:
    assert counting
    user_id = new_user(db)
    users.set_password(db, user_id, PASSWORD)
    return account(db, user_id)


def switch_off(observer: Observer, user_id: int) -> None:
    observer.rows("update oadb.users set disabled_at = now() where user_id = %s", user_id)


def ways(db: Database, asha: SignedInUser) -> dict[str, Callable[[], object]]:
    """Return every way in, by name."""
    user_id = asha.user_id
    session, key = sessions.create(db, asha).token, issue(db, user_id, keep_token=True)
    broker_tokens.put(db, user_id, "zerodha", Tokens(Secret("enctoken")))
    made = strategies.create(db, user_id, "Breakout", direction="LONG")
    scan = chartink.create(db, user_id, "Scan")
    key_id = key.key.api_key_id
    return {
        "sign_in": lambda: login_attempts.sign_in(db, asha.username, PASSWORD, ip=IP),
        "sign_in_with_oauth": lambda: login_attempts.sign_in_with_oauth(db, user_id, ip=IP),
        "verify_password": lambda: users.verify_password(db, asha.username, PASSWORD),
        "sessions.verify": lambda: sessions.verify(db, session),
        "api_keys.verify": lambda: api_keys.verify(db, key.token),
        "authorize": lambda: authorization.authorize(db, key.token),
        "api_keys.open_kept": lambda: api_keys.open_kept(db, user_id, key_id),
        "api_keys.open_current": lambda: api_keys.open_current(db, user_id),
        "api_keys.get_order_mode": lambda: api_keys.get_order_mode(db, user_id, key_id),
        "broker_tokens.open": lambda: broker_tokens.open(db, user_id, "zerodha"),
        "broker_tokens.open_current": lambda: broker_tokens.open_current(db, user_id),
        "strategies": lambda: strategies.verify_webhook(db, made.webhook),
        "chartink": lambda: chartink.verify_webhook(db, scan.webhook),
    }


def test_no_way_in_is_left_once_the_user_is_disabled(
    db: Database, observer: Observer, asha: SignedInUser
) -> None:
    found = ways(db, asha)
    assert [name for name, way in found.items() if not way()] == []

    switch_off(observer, asha.user_id)

    assert [name for name, way in found.items() if way()] == []
    with pytest.raises(NoRowError, match="disabled"):
        sessions.create(db, asha)
    assert broker_tokens.open(db, asha.user_id, "zerodha") is Refusal.INACTIVE

    users.enable(db, asha.user_id, by=None)
    assert [name for name, way in found.items() if not way()] == []


def test_no_service_uses_the_broker_of_a_disabled_user(
    db: Database, observer: Observer, asha: SignedInUser
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=30)
    broker_tokens.put(db, asha.user_id, "zerodha", Tokens(Secret("enctoken")), expires_at=soon)
    observer.rows("update oadb.broker_tokens set created_at = '2020-01-01'")

    def users_of_brokers() -> set[int]:
        found = [*broker_tokens.list_expiring(db, timedelta(hours=1))]
        found += broker_tokens.list_active(db, broker="zerodha")
        any_active = broker_tokens.find_any_active(db)
        return {each.user_id for each in (*found, any_active) if each is not None}

    assert asha.user_id in users_of_brokers()
    switch_off(observer, asha.user_id)

    assert asha.user_id not in users_of_brokers()


def test_a_disabled_user_looks_like_one_who_never_was(
    db: Database, counting: CountingPasswords, asha: SignedInUser
) -> None:
    """The right password, a wrong one and an unknown name: one answer, after the same work."""
    users.disable(db, asha.user_id, by=None)

    answers = [
        login_attempts.sign_in(db, name, password, ip=IP)
        for name, password in [(asha.username, PASSWORD), (asha.username, WRONG), ("x", WRONG)]
    ]

    assert answers == [answers[0]] * 3
    assert not answers[0]
    assert counting.verified == [None] * 3


def test_the_second_factor_of_a_disabled_user_is_not_asked_for(
    db: Database, observer: Observer, asha: SignedInUser
) -> None:
    second_factors.enroll(db, asha.user_id, account="asha")
    observer.rows(
        "update oadb.second_factors set confirmed_at = now(), is_required_for_login = true "
        "where user_id = %s",
        asha.user_id,
    )
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=IP).needs_code
    users.disable(db, asha.user_id, by=None)

    assert not login_attempts.sign_in(db, asha.username, PASSWORD, ip=IP).needs_code
    assert not login_attempts.sign_in_with_oauth(db, asha.user_id, ip=IP).needs_code


def test_sessions_end_and_the_audit_says_who_did_it(db: Database, asha: SignedInUser) -> None:
    admin, session = new_user(db), sessions.create(db, asha)

    assert users.disable(db, asha.user_id, by=admin)
    assert not users.disable(db, asha.user_id, by=admin)
    assert users.enable(db, asha.user_id, by=None)
    assert not users.enable(db, asha.user_id, by=None)

    assert sessions.verify(db, session.token) is Refusal.UNKNOWN
    events = [(event.kind, event.by) for event in list_by_user(db, asha.user_id)]
    assert events[:3] == [("user_enabled", None), ("session_ended", None), ("user_disabled", admin)]


def test_of_two_who_disable_a_user_at_once_one_has_done_it(
    db: Database, observer: Observer, asha: SignedInUser
) -> None:
    with threads(1) as pool:
        with db.transaction() as tx:
            assert users.disable(tx, asha.user_id, by=None)
            second = pool.submit(users.disable, db, asha.user_id, by=None)
            eventually(lambda: second.done() or observer.ask(BLOCKED))

        assert second.result() is False


def test_nobody_is_disabled_by_somebody_who_does_not_exist(
    db: Database, asha: SignedInUser
) -> None:
    with pytest.raises(NoRowError, match="there is no user 777777777"):
        users.disable(db, asha.user_id, by=777777777)
    with pytest.raises(NoRowError, match=r"^users\.enable: there is no user 777777777"):
        users.enable(db, 777777777, by=None)

    found = users.get(db, asha.user_id)
    assert found is not None
    assert found.disabled_at is None
