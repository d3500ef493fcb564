"""A key that was accepted before is accepted by its row alone, and refused by it at once."""

from collections.abc import Callable

import pytest

from oadb import AsyncDatabase, Database, Refusal
from oadb.accounts import api_keys, users
from oadb.accounts.api_key_rows import TOKEN
from oadb.accounts.api_keys import NewApiKey, VerifiedKey
from oadb.security.tokens import TokenKind
from tests.conftest import RING
from tests.support.accounts import issue, new_user
from tests.support.rig import Observer

Change = Callable[[Database, Observer, NewApiKey], object]


def expire(_: Database, observer: Observer, made: NewApiKey) -> None:
    changed = "update oadb.api_keys set expires_at = now() where api_key_id = %s"
    observer.rows(changed, made.key.api_key_id)


def alter(_: Database, observer: Observer, made: NewApiKey) -> None:
    """Seal another token in the row: only who has the root key can."""
    row = made.key.user_id, made.key.api_key_id
    other = TOKEN.store(RING, row, TOKEN.new(made.key.user_id)).fingerprint
    changed = "update oadb.api_keys set fingerprint = %s where api_key_id = %s"
    observer.rows(changed, other, made.key.api_key_id)


@pytest.fixture
def made(db: Database, user_id: int) -> NewApiKey:
    """Give a key that this process has accepted."""
    made = issue(db, user_id, scopes=["orders"])
    assert api_keys.verify(db, made.token)
    return made


def never(*_: object) -> bool:
    raise AssertionError("a fingerprint was opened")


@pytest.fixture
def sealed(made: NewApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every attempt to open a fingerprint fail from now on."""
    assert made
    monkeypatch.setattr(TokenKind, "belongs", never)


@pytest.mark.usefixtures("sealed")
def test_it_is_accepted_without_opening_its_fingerprint(db: Database, made: NewApiKey) -> None:
    assert api_keys.verify(db, made.token) == VerifiedKey(
        made.key.user_id, made.key.api_key_id, ["orders"], "auto", None
    )


@pytest.mark.usefixtures("sealed")
def test_what_it_may_do_is_read_each_time(db: Database, made: NewApiKey) -> None:
    user_id, api_key_id = made.key.user_id, made.key.api_key_id
    api_keys.set_scopes(db, user_id, api_key_id, ["quotes"])
    api_keys.set_order_mode(db, user_id, api_key_id, "semi_auto")

    key = api_keys.verify(db, made.token)
    assert isinstance(key, VerifiedKey)
    assert (key.scopes, key.order_mode) == (["quotes"], "semi_auto")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param(
            lambda db, _, made: api_keys.revoke(db, made.key.user_id, made.key.api_key_id),
            Refusal.REVOKED,
            id="revoked",
        ),
        pytest.param(expire, Refusal.EXPIRED, id="expired"),
        pytest.param(
            lambda db, _, made: users.disable(db, made.key.user_id, by=None),
            Refusal.INACTIVE,
            id="disabled",
        ),
        pytest.param(
            lambda db, _, made: users.delete(db, made.key.user_id), Refusal.UNKNOWN, id="deleted"
        ),
        pytest.param(
            lambda db, _, made: api_keys.rotate(db, made.key.user_id, made.key.api_key_id),
            Refusal.UNKNOWN,
            id="rotated",
        ),
        pytest.param(alter, Refusal.UNKNOWN, id="altered"),
    ],
)
def test_it_is_refused_by_the_next_call(
    db: Database, observer: Observer, made: NewApiKey, change: Change, refusal: Refusal
) -> None:
    change(db, observer, made)

    for _ in range(2):
        assert api_keys.verify(db, made.token) is refusal
    assert db._executor.vault.opened.find(made.token) is None


def test_another_user_does_not_see_it(db: Database, made: NewApiKey) -> None:
    assert api_keys.verify(db.as_user(new_user(db)), made.token) is Refusal.UNKNOWN
    assert api_keys.verify(db, made.token)


def test_it_is_accepted_after_its_row_was_sealed_again(
    db: Database, observer: Observer, made: NewApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made.key.user_id, made.key.api_key_id
    stored = TOKEN.store(RING, row, made.token)
    again = "update oadb.api_keys set fingerprint = %s where user_id = %s and api_key_id = %s"
    observer.rows(again, stored.fingerprint, *row)

    assert api_keys.verify(db, made.token)
    monkeypatch.setattr(TokenKind, "belongs", never)
    assert api_keys.verify(db, made.token)


async def test_it_is_accepted_and_refused_for_asyncio(adb: AsyncDatabase) -> None:
    user = await users.create(adb, "asha", "asha@example.in")
    made = await api_keys.create(adb, user.user_id, "bot", order_mode="auto")

    for _ in range(2):
        assert await api_keys.verify(adb, made.token)
    await api_keys.revoke(adb, user.user_id, made.key.api_key_id)
    assert await api_keys.verify(adb, made.token) is Refusal.REVOKED
