"""Processes with an old key ring: they raise errors, and write nothing under retired keys."""

from collections.abc import Callable, Generator
from time import monotonic
from uuid import UUID

import argon2
import pytest
from psycopg.errors import ForeignKeyViolation

from oadb import Database, Secret
from oadb.accounts import (
    api_key_rows,
    api_keys,
    broker_tokens,
    sealed_passwords,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.sessions import Session
from oadb.engine.executors import AsyncExecutor
from oadb.errors import KeyRingError, NoRowError
from oadb.keys import proof, root_key_uses
from oadb.security import vault
from oadb.security.passwords import Passwords
from oadb.security.refusals import Refusal
from oadb.settings import smtp_settings
from oadb.tools import key_rotation as tool
from oadb.trading import chartink, strategies, webhooks
from tests.support.accounts import account
from tests.support.rotating import Ring, SecretHolder, rewrapped, with_secrets

pytestmark = [
    pytest.mark.usefixtures("cheap_hashing"),
    pytest.mark.long("fills a database with secrets each time"),
]


@pytest.fixture
def retired(ring: Ring) -> Generator[tuple[Database, SecretHolder]]:
    """Give a database whose ring seals under key 1, which another process has retired."""
    with ring.open() as db:
        asha = with_secrets(db)
    tool.add(ring.path)
    with ring.open() as late:
        proof.prove(late)
        tool.promote(late, ring.path, 2)
        with ring.open() as db:
            rewrapped(db, ring)
            tool.retire(db, ring.path, 1)
        yield late, asha


SEALING: dict[str, Callable[[Database, users.SignedInUser], object]] = {
    "users": lambda db, asha: users.set_password(db, asha.user_id, Secret("battery staple")),
    "sessions": sessions.create,
    "api_keys": lambda db, asha: api_keys.create(db, asha.user_id, "new", order_mode="auto"),
    "api_keys.rotate": lambda db, asha: api_keys.rotate(
        db, asha.user_id, api_keys.list_by_user(db, asha.user_id).rows[0].api_key_id
    ),
    "broker_tokens": lambda db, asha: broker_tokens.put(
        db, asha.user_id, "angel", Tokens(Secret("new"))
    ),
    "second_factors": lambda db, asha: second_factors.enroll(db, asha.user_id, account="asha"),
    "smtp_settings": lambda db, asha: smtp_settings.update(
        db, by=asha.user_id, password=Secret("new")
    ),
    "strategies": lambda db, asha: strategies.create(db, asha.user_id, "new"),
    "chartink": lambda db, asha: chartink.create(db, asha.user_id, "new"),
    "webhooks": lambda db, asha: webhooks.rotate(
        db, asha.user_id, strategies.list_by_user(db, asha.user_id).rows[0].strategy_id
    ),
}


@pytest.mark.parametrize("kind", SEALING)
def test_a_process_with_the_old_ring_cannot_seal_under_a_retired_key(
    retired: tuple[Database, SecretHolder], kind: str
) -> None:
    late, asha = retired
    before = root_key_uses.list_uses(late)
    user = account(late, asha.user_id)
    with pytest.raises(KeyRingError, match="key 1, which this process seals with") as refused:
        SEALING[kind](late, user)
    with pytest.raises(KeyRingError, match="current key ring"), late.transaction() as tx:
        SEALING[kind](tx, user)  # type: ignore[arg-type]  # any of them

    assert refused.value.__context__ is None
    assert root_key_uses.list_uses(late) == before


def test_a_missing_user_is_not_taken_for_a_missing_key(ring: Ring) -> None:
    with (
        ring.open() as db,
        pytest.raises(NoRowError, match=r"^api_keys\.create: there is no user 7$"),
    ):
        api_keys.create(db, 7, "new", order_mode="auto")


def test_a_violation_that_does_not_concern_a_key_is_raised_unchanged(ring: Ring) -> None:
    @proof.seals
    async def insert(db: AsyncExecutor) -> None:
        row = (7, UUID(int=1))
        token = api_key_rows.TOKEN.store(await proof.ring_of(db), row, api_key_rows.TOKEN.new(1))
        secrets = (token.digest, token.fingerprint, None)
        await api_keys._insert_key(db, *row, "new", "x", *secrets, [], "auto", None)

    with ring.open() as db, pytest.raises(ForeignKeyViolation) as refused:
        db._operate(insert)

    assert refused.value.diag.constraint_name == "api_keys_user_id_fkey"


def test_a_right_password_is_accepted_although_its_new_hash_cannot_be_sealed(
    retired: tuple[Database, SecretHolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    late, asha = retired
    stronger = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 8, 1)
    monkeypatch.setattr(sealed_passwords, "passwords", Passwords(stronger))

    user = users.verify_password(late, "asha", Secret("correct horse"))
    assert user is not None
    assert user.user_id == asha.user_id


# Unknown, or under a missing key -----------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give a function that advances the clock by which proofs of the ring age; else it stands."""
    moved = [monotonic()]
    monkeypatch.setattr(vault, "monotonic", lambda: moved[0])

    def move(seconds: float) -> None:
        moved[0] += seconds

    return move


def test_a_token_under_a_key_that_the_process_lacks_is_an_error_and_not_unknown(
    ring: Ring, later: Callable[[float], None]
) -> None:
    with ring.open() as late:
        asha = with_secrets(late)
        session = sessions.create(late, account(late, asha.user_id)).token
        key = api_keys.create(late, asha.user_id, "new", order_mode="auto").token
        tool.add(ring.path)
        with ring.open() as db:
            tool.promote(db, ring.path, 2)
        with ring.open() as db:
            rewrapped(db, ring)
            later(11)
            assert isinstance(sessions.verify(db, session), Session)
            assert api_keys.verify(db, api_key_rows.TOKEN.new(1)) is Refusal.UNKNOWN
        for _ in range(2):
            with pytest.raises(KeyRingError, match="key 2, which the ring lacks; restart this pr"):
                sessions.verify(late, session)
            with pytest.raises(KeyRingError, match="key 2, which the ring lacks; restart this pr"):
                api_keys.verify(late, key)
            with pytest.raises(KeyRingError), late.transaction() as tx:
                api_keys.verify(tx, key)


def test_a_failed_lookup_reads_the_canaries_at_most_every_ten_seconds_and_a_successful_one_never(
    ring: Ring, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    list_canaries = proof.list_canaries

    def counted(db: AsyncExecutor) -> object:
        looks.append(db)
        return list_canaries(db)

    with ring.open() as db:
        asha = with_secrets(db)
        key = api_keys.create(db, asha.user_id, "new", order_mode="auto").token
        monkeypatch.setattr(proof, "list_canaries", counted)
        for seconds, expected in ((9, 0), (2, 1), (9, 1), (2, 2)):
            later(seconds)
            assert isinstance(api_keys.verify(db, key), VerifiedKey)
            for _ in range(3):
                assert api_keys.verify(db, api_key_rows.TOKEN.new(1)) is Refusal.UNKNOWN
                assert sessions.verify(db, sessions.TOKEN.new(1)) is Refusal.UNKNOWN
            assert len(looks) == expected
