"""API keys: read by id, renamed, and given other scopes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Database
from oadb.accounts import api_keys, users
from oadb.accounts.api_keys import ApiKey, VerifiedKey
from oadb.changes.announcements import Change
from oadb.errors import ParameterError
from oadb.security.refusals import Refusal
from tests.support.accounts import issue, new_user
from tests.support.notifications import heard
from tests.support.rig import Observer


def stored(db: Database, key: ApiKey) -> ApiKey:
    found = api_keys.get(db, key.user_id, key.api_key_id)
    assert found is not None
    return found


def test_a_key_is_read_by_its_id_also_if_it_is_revoked_or_expired(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = [issue(db, user_id, lifetime=timedelta(hours=1), scopes=["orders"]).key for _ in "abc"]
    api_keys.revoke(db, user_id, made[1].api_key_id)
    observer.rows(
        "update oadb.api_keys set expires_at = now() where api_key_id = %s", made[2].api_key_id
    )

    assert stored(db, made[0]) == made[0]
    assert stored(db, made[1]).revoked_at is not None
    assert stored(db, made[2]).expires_at != made[2].expires_at
    assert [stored(db, each) for each in reversed(made)] == api_keys.list_by_user(db, user_id).rows


def test_an_unknown_key_and_the_key_of_another_user_are_none(db: Database, user_id: int) -> None:
    key = issue(db, user_id).key

    assert api_keys.get(db, user_id, uuid4()) is None
    assert api_keys.get(db, new_user(db), key.api_key_id) is None


def test_a_renamed_key_keeps_its_token_scopes_and_mode(db: Database, user_id: int) -> None:
    made = issue(db, user_id, order_mode="semi_auto", scopes=["orders"])
    before = api_keys.verify(db, made.token)

    assert api_keys.rename(db, user_id, made.key.api_key_id, "Excel") is True
    assert stored(db, made.key).name == "Excel"
    assert (stored(db, made.key).hint, stored(db, made.key).rotated_at) == (made.key.hint, None)
    assert api_keys.verify(db, made.token) == before


def test_a_revoked_key_can_be_renamed_and_gets_no_scopes(db: Database, user_id: int) -> None:
    made = issue(db, user_id, scopes=["orders"])
    api_keys.revoke(db, user_id, made.key.api_key_id)

    assert api_keys.rename(db, user_id, made.key.api_key_id, "was stolen") is True
    assert api_keys.set_scopes(db, user_id, made.key.api_key_id, ["all"]) is False
    assert (stored(db, made.key).name, stored(db, made.key).scopes) == ("was stolen", ["orders"])
    assert api_keys.verify(db, made.token) is Refusal.REVOKED


def test_scopes_are_replaced_as_a_whole_and_apply_at_once(db: Database, user_id: int) -> None:
    made = issue(db, user_id, scopes=["orders", "quotes"])
    other = issue(db, user_id, scopes=["orders"])
    for scopes in (["funds"], [], ["b", "a", "b"]):
        assert api_keys.set_scopes(db, user_id, made.key.api_key_id, scopes) is True
        verified = api_keys.verify(db, made.token)
        assert isinstance(verified, VerifiedKey)
        assert verified.scopes == scopes

    assert stored(db, other.key) == other.key


def test_nothing_is_renamed_or_changed_that_the_user_does_not_have(
    db: Database, user_id: int
) -> None:
    made, stranger = issue(db, user_id), new_user(db)
    for owner, key_id in ((stranger, made.key.api_key_id), (user_id, uuid4())):
        assert api_keys.rename(db, owner, key_id, "mine") is False
        assert api_keys.set_scopes(db, owner, key_id, ["all"]) is False

    assert stored(db, made.key) == made.key


def test_a_name_that_does_not_fit_is_refused(db: Database, user_id: int) -> None:
    key = issue(db, user_id).key
    with pytest.raises(CheckViolation) as refused:
        api_keys.rename(db, user_id, key.api_key_id, "x" * 101)

    assert refused.value.diag.constraint_name == "api_keys_name_check"
    assert stored(db, key) == key


def test_scopes_that_do_not_fit_are_refused(db: Database, user_id: int) -> None:
    key = issue(db, user_id, scopes=["orders"]).key
    with pytest.raises(CheckViolation) as refused:
        api_keys.set_scopes(db, user_id, key.api_key_id, ["x"] * 51)
    assert refused.value.diag.constraint_name == "api_keys_scopes_check"
    for wrong in ("orders", [7], None):
        given: Any = wrong
        with pytest.raises(ParameterError, match=r"^api_keys\.set_scopes: scopes(\[0\])? must be "):
            api_keys.set_scopes(db, user_id, key.api_key_id, given)

    assert stored(db, key) == key


def test_new_names_and_scopes_are_announced_and_refused_ones_are_not(
    db: Database, url: str, user_id: int
) -> None:
    key_id, unknown = issue(db, user_id).key.api_key_id, uuid4()

    def work() -> None:
        api_keys.rename(db, user_id, key_id, "Excel")
        api_keys.rename(db, user_id, unknown, "Excel")
        api_keys.set_scopes(db, user_id, key_id, ["orders"])
        api_keys.set_scopes(db, user_id, unknown, ["orders"])

    assert heard(url, work) == [Change("api_keys", user_id, str(key_id))] * 2


async def test_keys_are_changed_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    key = (await api_keys.create(adb, asha.user_id, "bot", order_mode="auto")).key

    assert await api_keys.rename(adb, asha.user_id, key.api_key_id, "Excel")
    assert await api_keys.set_scopes(adb, asha.user_id, key.api_key_id, ["orders"])
    found = await api_keys.get(adb, asha.user_id, key.api_key_id)
    assert found is not None
    assert (found.name, found.scopes) == ("Excel", ["orders"])


def test_the_key_that_a_user_is_shown_is_the_newest_kept_one_that_can_be_used(
    db: Database, observer: Observer, user_id: int
) -> None:
    assert api_keys.open_current(db, user_id) is None
    first, second, third = (issue(db, user_id, keep_token=True) for _ in range(3))
    issue(db, user_id)
    issue(db, new_user(db), keep_token=True)
    assert api_keys.open_current(db, user_id) == third.token

    api_keys.revoke(db, user_id, third.key.api_key_id)
    assert api_keys.open_current(db, user_id) == second.token
    rotated = api_keys.rotate(db, user_id, first.key.api_key_id)
    assert rotated is not None
    assert api_keys.open_current(db, user_id) == rotated

    observer.rows(
        "update oadb.api_keys set expires_at = now() where api_key_id = %s", first.key.api_key_id
    )
    assert api_keys.open_current(db, user_id) == second.token
    assert api_keys.open_kept(db, user_id, first.key.api_key_id) is None
    observer.rows("update oadb.users set disabled_at = now() where user_id = %s", user_id)
    assert api_keys.open_current(db, user_id) is None
