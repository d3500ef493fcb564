"""The users that tokens name: who may use a token is never decided by the number in it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import (
    api_key_rows,
    api_keys,
    authorization,
    elevation,
    one_time_tokens,
    sessions,
)
from oadb.keys import proof, rotation
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from oadb.security.tokens import OwnedForm, _checksum, sha256_of
from oadb.tools.key_rotation import TABLES
from oadb.trading import chartink, strategies, strategy_kinds, webhooks
from tests.support.accounts import account, new_user
from tests.support.databases import unreachable
from tests.support.roots import some_root

MADE = datetime(2026, 1, 1, tzinfo=UTC)
OLD = KeyRing([Key(1, "primary", MADE, some_root(1)), Key(2, "decrypt-only", MADE, some_root(2))])
NEW = OLD.with_primary(2)

numbers = count(1)


def opened(url: str, ring: KeyRing) -> Database:
    return Database(Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": ring.to_json()}))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with opened(url, OLD) as db:
        proof.prove(db)
        proof.admit(db, 2)
        yield db


@pytest.fixture(scope="module")
def user_id(db: Database) -> int:
    return new_user(db)


@pytest.fixture(scope="module")
def other_id(db: Database) -> int:
    """Give a user who has a credential of each kind."""
    other = new_user(db)
    for kind in KINDS:
        kind.make(db, other)
    return other


def mail(db: Database, user_id: int) -> Secret:
    address = f"moved{next(numbers)}@example.in"
    return one_time_tokens.create(db, user_id, "email_change", new_email=address).token


def key(db: Database, user_id: int) -> Secret:
    return api_keys.create(db, user_id, "x", order_mode="auto").token


def kept_key(db: Database, user_id: int) -> Secret:
    return api_keys.create(db, user_id, "x", order_mode="auto", keep_token=True).token


def rotated_key(db: Database, user_id: int) -> Secret:
    made = api_keys.create(db, user_id, "x", order_mode="auto").key
    token = api_keys.rotate(db, user_id, made.api_key_id)
    assert token is not None
    return token


def rotated_webhook(db: Database, user_id: int) -> Secret:
    made = strategies.create(db, user_id, "x").strategy
    token = webhooks.rotate(db, user_id, made.strategy_id)
    assert token is not None
    return token


def elevated(db: Database, user_id: int) -> Secret:
    made = sessions.create(db, account(db, user_id), most=1000).token
    new = elevation.by_sign_in(db, made, account(db, user_id))
    assert new
    return new.token


@dataclass(frozen=True)
class Kind:
    """A kind of credential: how it is made, and the user that it leads to.

    What it leads to is without a user id if it is refused.
    """

    name: str
    form: OwnedForm
    make: Callable[[Database, int], Secret]
    use: Callable[[Database, Secret], Any]

    def user_of(self, db: Database, token: Secret) -> int | None:
        found = self.use(db, token)
        assert bool(found) or found is Refusal.UNKNOWN or found.user_id is None
        return found.user_id if found else None


KINDS = [
    Kind("key", api_key_rows.TOKEN, key, api_keys.verify),
    Kind("rotated key", api_key_rows.TOKEN, rotated_key, api_keys.verify),
    Kind("order", api_key_rows.TOKEN, key, authorization.authorize),
    Kind(
        "session",
        sessions.TOKEN,
        lambda db, user_id: sessions.create(db, account(db, user_id), most=1000).token,
        sessions.verify,
    ),
    Kind("elevated session", sessions.TOKEN, elevated, sessions.verify),
    Kind(
        "strategy",
        webhooks.TOKEN,
        lambda db, user_id: strategies.create(db, user_id, "x").webhook,
        strategies.verify_webhook,
    ),
    Kind("rotated webhook", webhooks.TOKEN, rotated_webhook, strategies.verify_webhook),
    Kind(
        "scan",
        webhooks.TOKEN,
        lambda db, user_id: chartink.create(db, user_id, "x").webhook,
        chartink.verify_webhook,
    ),
    Kind("mail", one_time_tokens.TOKEN, mail, one_time_tokens.change_email),
]

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def named(token: Secret, owner: str) -> Secret:
    """Return a token with the same secret and other digits of its user; its checksum is right."""
    body = token.reveal()[:47] + owner
    return Secret(body + _checksum(body))


def made_old(kind: Kind, db: Database, user_id: int) -> Secret:
    """Make a credential as releases did whose tokens named no user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnedForm, "new", lambda form, _: form._new(""))
        return kind.make(db, user_id)


@each_kind
def test_a_token_names_its_user_and_is_accepted(kind: Kind, db: Database, user_id: int) -> None:
    token = kind.make(db, user_id)

    assert kind.form.owner_of(token) == user_id
    assert kind.user_of(db, token) == user_id


@each_kind
def test_a_token_of_the_old_form_is_accepted_beside_it(
    kind: Kind, db: Database, user_id: int
) -> None:
    old = made_old(kind, db, user_id)

    assert len(old.reveal()) == 53
    assert kind.form.owner_of(old) is None
    assert kind.user_of(db, old) == user_id
    assert kind.user_of(db, kind.make(db, user_id)) == user_id


@each_kind
def test_a_right_secret_with_another_user_is_unknown(
    kind: Kind, db: Database, user_id: int, other_id: int
) -> None:
    token = kind.make(db, user_id)
    others = [other_id, user_id + 2**40, 0, -user_id, 2**63 - 1, -(2**63)]
    changed = [named(token, f"{other % 2**64:016x}") for other in others]

    assert all(kind.form.is_wellformed(each) for each in changed)
    assert [kind.user_of(db, each) for each in changed] == [None] * len(others)
    assert kind.user_of(db, token) == user_id


@each_kind
def test_a_token_without_its_user_and_an_old_one_with_it_are_unknown(
    kind: Kind, db: Database, user_id: int
) -> None:
    new, old = kind.make(db, user_id), made_old(kind, db, user_id)
    changed = [named(new, ""), named(old, f"{user_id:016x}")]

    assert all(kind.form.is_wellformed(each) for each in changed)
    assert [kind.user_of(db, each) for each in changed] == [None, None]


@each_kind
def test_each_changed_digit_of_the_user_is_unknown_even_with_a_right_checksum(
    kind: Kind, db: Database, user_id: int
) -> None:
    token = kind.make(db, user_id)
    owner = token.reveal()[47:63]
    for place in range(16):
        for digit in ("0", "1"):
            changed = named(token, owner[:place] + digit + owner[place + 1 :])

            assert (kind.user_of(db, changed) == user_id) is (changed == token)
            if kind.name == "mail" and changed == token:
                token = kind.make(db, user_id)


@each_kind
def test_a_changed_character_or_another_spelling_costs_no_statement(kind: Kind) -> None:
    token, absent = kind.form.new(7), unreachable()
    text = token.reveal()
    for place in range(len(text)):
        digit = "1" if text[place] == "0" else "0"
        changed = Secret(text[:place] + digit + text[place + 1 :])

        assert not kind.use(absent, changed)
    assert not kind.use(absent, named(token, "F" * 16))


def test_statements_name_the_user_of_a_token(db: Database, user_id: int, other_id: int) -> None:
    """So that one shard is asked; a row that was moved to another user is not found there."""
    lookups: list[tuple[Kind, Callable[..., object]]] = [
        (KINDS[0], api_keys._find_by_digest),
        (KINDS[2], authorization._find_by_digest),
        (KINDS[3], sessions._find_by_digest),
        (KINDS[5], strategy_kinds._find_by_digest),
    ]
    for kind, find in lookups:
        digests = kind.form.digests(OLD, sha256_of(kind.make(db, user_id)))
        for others in (None, digests[1:]):
            assert find(db, digests[0], user_id, others) is not None
            assert find(db, digests[0], None, others) is not None
            assert find(db, digests[0], other_id, others) is None
    digests = one_time_tokens.TOKEN.digests(OLD, sha256_of(mail(db, user_id)))
    assert one_time_tokens._find_by_digest(db, digests, user_id) is not None
    assert one_time_tokens._find_by_digest(db, digests, other_id) is None


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.name)
def test_both_forms_are_found_while_root_keys_rotate(
    kind: Kind, db: Database, url: str, user_id: int, other_id: int
) -> None:
    """A one-time token is not sealed again: it ends before its key does."""
    tokens = [kind.make(db, user_id), made_old(kind, db, user_id)]
    with opened(url, NEW) as late:
        assert [kind.user_of(late, token) for token in tokens] == [user_id] * 2
        tokens += [kind.make(late, user_id), made_old(kind, late, user_id)]
        for table in TABLES:
            rotation.rewrap(late, table, 1, 1000)
        for reader in (db, late):
            assert [kind.user_of(reader, token) for token in tokens] == [user_id] * 4
            stolen = [named(token, f"{other_id:016x}") for token in tokens]
            assert [kind.user_of(reader, token) for token in stolen] == [None] * 4


def test_a_kept_key_of_either_form_is_opened_as_it_was_shown(db: Database, user_id: int) -> None:
    kept = Kind("kept", api_key_rows.TOKEN, kept_key, api_keys.verify)
    old, new = made_old(kept, db, user_id), kept.make(db, user_id)
    found = [api_keys.verify(db, token) for token in (old, new)]

    assert [api_keys.open_kept(db, user_id, each.api_key_id) for each in found if each] == [
        old,
        new,
    ]


def test_an_old_key_that_is_rotated_names_its_user(db: Database, user_id: int) -> None:
    kept = Kind("kept", api_key_rows.TOKEN, kept_key, api_keys.verify)
    old = made_old(kept, db, user_id)
    found = api_keys.verify(db, old)
    assert found
    new = api_keys.rotate(db, user_id, found.api_key_id)

    assert new is not None
    assert api_key_rows.TOKEN.owner_of(new) == user_id
    assert api_keys.verify(db, new) == found
    assert api_keys.verify(db, old) is Refusal.UNKNOWN
    assert api_keys.open_kept(db, user_id, found.api_key_id) == new
