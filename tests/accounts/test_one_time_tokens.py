"""One-time tokens: codes that a reset requires, events, and what is swept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oadb import Database, Secret
from oadb.accounts import one_time_tokens, second_factors, security_events, users
from oadb.accounts.one_time_tokens import FoundOneTimeToken, TokenUse
from oadb.accounts.users import SignedInUser
from oadb.errors import NoRowError, ParameterError
from tests.support.accounts import OTHER
from tests.support.authenticators import Authenticator, failures
from tests.support.rig import Observer


def test_a_token_lives_for_half_an_hour(db: Database, user_id: int) -> None:
    made = one_time_tokens.create(db, user_id, "password_reset")

    left = made.expires_at - datetime.now(UTC)
    assert timedelta(minutes=20) < left < timedelta(minutes=40)
    assert made.token.reveal() not in repr(made)


def test_a_reset_needs_the_code_that_its_user_requires(
    db: Database, observer: Observer, asha: SignedInUser, clock: int
) -> None:
    user_id = asha.user_id
    factor = second_factors.enroll(db, user_id, account="asha")
    assert factor is not None
    phone = Authenticator(clock, factor)
    assert second_factors.verify(db, user_id, phone.code(-1))
    second_factors.set_required(
        db, user_id, for_login=False, for_mcp=False, for_password_reset=True
    )
    token = one_time_tokens.create(db, user_id, "password_reset").token

    without = one_time_tokens.reset_password(db, token, OTHER)
    wrong = one_time_tokens.reset_password(db, token, OTHER, code=phone.wrong())
    assert (bool(without), without.needs_code) == (False, True)
    assert (bool(wrong), wrong.needs_code) == (False, True)
    assert failures(observer, user_id) == 1
    assert one_time_tokens.reset_password(db, token, OTHER, code=phone.code())


def test_tokens_are_events(db: Database, asha: SignedInUser) -> None:
    user_id = asha.user_id
    one_time_tokens.create(db, user_id, "email_change", new_email="new@example.in")
    token = one_time_tokens.create(db, user_id, "password_reset").token
    assert one_time_tokens.reset_password(db, token, OTHER)
    assert one_time_tokens.revoke(db, user_id)
    assert not one_time_tokens.revoke(db, user_id)

    found = [event.kind for event in security_events.list_by_user(db, user_id)]
    assert found[:5] == [
        "one_time_token_revoked", "password_changed", "one_time_token_used",
        "one_time_token_issued", "one_time_token_issued",
    ]  # fmt: skip  # a list


def test_a_new_address_is_for_a_change_of_it_alone(db: Database, user_id: int) -> None:
    for purpose, new_email in (("email_change", None), ("activation", "new@example.in")):
        with pytest.raises(ParameterError, match="new_email must be given for email_change"):
            one_time_tokens.create(db, user_id, purpose, new_email=new_email)  # type: ignore[arg-type]  # of a loop


def test_nobody_has_no_token(db: Database) -> None:
    with pytest.raises(NoRowError, match=r"^one_time_tokens\.create: there is no user"):
        one_time_tokens.create(db, 2**62, "activation")


def test_expired_tokens_are_swept_and_others_stay(
    db: Database, observer: Observer, user_id: int
) -> None:
    one_time_tokens.create(db, user_id, "activation")
    token = one_time_tokens.create(db, user_id, "password_reset").token
    observer.rows(
        "update oadb.one_time_tokens set created_at = created_at - interval '1 hour', "
        "expires_at = expires_at - interval '1 hour' where user_id = %s and purpose = 'activation'",
        user_id,
    )

    assert one_time_tokens.delete_expired(db) == 1
    assert one_time_tokens.delete_expired(db) == 0
    assert one_time_tokens.reset_password(db, token, Secret("third horse of all"))


def test_a_token_of_a_user_who_is_deleted_meanwhile_sets_no_password(
    db: Database, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = one_time_tokens.create(db, user_id, "password_reset").token
    find = one_time_tokens._find

    async def find_and_delete(*given: Any) -> FoundOneTimeToken | None:
        found = await find(*given)
        assert users.delete(db, user_id)
        return found

    monkeypatch.setattr(one_time_tokens, "_find", find_and_delete)

    assert one_time_tokens.reset_password(db, token, OTHER) == TokenUse(None)


def test_a_token_that_is_refused_leads_to_nobody_and_needs_no_code(
    db: Database, user_id: int
) -> None:
    token = one_time_tokens.create(db, user_id, "password_reset").token
    assert one_time_tokens.revoke(db, user_id)

    assert one_time_tokens.reset_password(db, token, OTHER) == TokenUse(None)
    assert one_time_tokens.change_email(db, token) == TokenUse(None)
