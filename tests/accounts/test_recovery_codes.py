"""Recovery codes: each works once in place of the authenticator, and is counted like its codes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from oadb import Database, Secret
from oadb.accounts import elevation, recovery, second_factors, security_events, sessions
from tests.support.accounts import account, new_user
from tests.support.authenticators import Authenticator, enroll, failures
from tests.support.rig import Observer


@pytest.fixture
def codes(db: Database, user_id: int, phone: Authenticator) -> tuple[Secret, ...]:
    """Give the recovery codes of ``user_id``, whose factor is confirmed."""
    assert second_factors.verify(db, user_id, phone.code(-1))
    made = second_factors.renew_recovery_codes(db, user_id)
    assert made is not None
    return made.codes


def left(db: Database, user_id: int) -> int:
    found = second_factors.get(db, user_id)
    assert found is not None
    return found.recovery_codes_left


def test_each_of_ten_codes_works_once(
    db: Database, user_id: int, codes: tuple[Secret, ...]
) -> None:
    assert len({code.reveal() for code in codes}) == left(db, user_id) == recovery.CODES == 10

    assert [bool(second_factors.verify(db, user_id, code)) for code in codes] == [True] * 10
    assert left(db, user_id) == 0
    assert not second_factors.verify(db, user_id, codes[0])


def test_a_code_may_be_typed_in_another_way(
    db: Database, user_id: int, codes: tuple[Secret, ...]
) -> None:
    first, second = (code.reveal() for code in codes[:2])

    assert second_factors.verify(db, user_id, Secret(first.upper().replace("-", " ")))
    assert second_factors.verify(db, user_id, Secret(f" {second.replace('-', '')} "))


def test_a_wrong_code_counts_and_a_right_one_forgives(
    db: Database, observer: Observer, user_id: int, codes: tuple[Secret, ...]
) -> None:
    wrong = [Secret("aaaaa-aaaaa"), Secret(""), Secret("\ud800"), Secret("x" * 10**6)]

    assert not any(second_factors.verify(db, user_id, code) for code in wrong)
    assert failures(observer, user_id) == len(wrong)
    assert second_factors.verify(db, user_id, codes[3])
    assert failures(observer, user_id) == 0


def test_a_code_elevates_a_session(db: Database, user_id: int, codes: tuple[Secret, ...]) -> None:
    session = sessions.create(db, account(db, user_id))

    assert elevation.by_code(db, session.token, codes[0])


def test_of_several_at_once_with_one_code_one_gets_in(
    many: Database, user_id: int, codes: tuple[Secret, ...], observer: Observer
) -> None:
    for code in codes:
        with ThreadPoolExecutor(4) as pool:
            found = [*pool.map(lambda each: second_factors.verify(many, user_id, each), [code] * 4)]
        assert sum(map(bool, found)) == 1
        observer.rows("update oadb.second_factors set failures = 0, unlocks_at = null")


def test_new_codes_replace_the_old_ones(
    db: Database, user_id: int, codes: tuple[Secret, ...]
) -> None:
    renewed = second_factors.renew_recovery_codes(db, user_id)

    assert renewed is not None
    assert not second_factors.verify(db, user_id, codes[0])
    assert second_factors.verify(db, user_id, renewed.codes[0])
    assert left(db, user_id) == 9


def test_without_a_confirmed_factor_there_are_none(db: Database, user_id: int) -> None:
    assert second_factors.renew_recovery_codes(db, new_user(db)) is None
    enroll(db, user_id)
    assert second_factors.renew_recovery_codes(db, user_id) is None


def test_codes_go_with_their_factor(db: Database, user_id: int, codes: tuple[Secret, ...]) -> None:
    second_factors.disable(db, user_id)
    enroll(db, user_id)

    assert not second_factors.verify(db, user_id, codes[0])
    assert left(db, user_id) == 0


def test_the_database_holds_no_code(
    db: Database, observer: Observer, user_id: int, codes: tuple[Secret, ...]
) -> None:
    assert second_factors.verify(db, user_id, codes[0])
    stored = str(observer.rows("select to_jsonb(f)::text from oadb.second_factors as f"))
    stored += str(observer.rows("select detail::text from oadb.security_events"))

    assert not [code for code in codes if code.reveal() in stored]
    assert not [code for code in codes if code.reveal().replace("-", "") in stored]


def test_codes_are_events(db: Database, user_id: int, codes: tuple[Secret, ...]) -> None:
    second_factors.verify(db, user_id, codes[0])
    second_factors.verify(db, user_id, codes[0])

    found = [event.kind for event in security_events.list_by_user(db, user_id)]
    assert found[:3] == ["second_factor_wrong", "second_factor_used", "recovery_codes_made"]
