"""Proof: which key rings fit a database, and that nothing is written under one that does not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import api_keys, sessions, stored_passwords, users
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.errors import ConfigError, ConflictError, KeyRingError
from oadb.keys import proof, rotation
from oadb.security.keyring import Key, KeyRing
from tests.support.proving import (
    FIRST,
    ONE,
    PASSWORD,
    SECOND,
    STRANGER,
    THIRD,
    TWO,
    Rows,
    UndoError,
    is_proven,
    oadb_database_url,
    opened,
)

__all__ = ["oadb_database_url"]  # a fixture

pytestmark = pytest.mark.usefixtures("cheap_hashing")


# The first ring --------------------------------------------------------------------------------


def test_the_first_ring_of_a_database_is_enrolled(config: Config, rows: Rows) -> None:
    with opened(config, TWO) as db:
        proof.prove(db)
        before = rows()
        proof.prove(db)

        assert is_proven(db)
    assert [(row[0], row[1][:5]) for row in before] == [(1, b"\x01\0\0\0\x01")]
    assert rows() == before


async def test_the_first_ring_is_enrolled_for_asyncio(adb: AsyncDatabase, rows: Rows) -> None:
    await asyncio.gather(*(proof.prove(adb) for _ in range(4)))
    await proof.prove(adb)

    assert is_proven(adb)
    assert [row[0] for row in rows()] == [1]


def test_a_database_is_not_touched_before_a_key_is_needed(db: Database, rows: Rows) -> None:
    users.create(db, "asha", "asha@example.in")

    assert users.find_by_username(db, "asha") is not None
    assert not is_proven(db)
    assert rows() == []


def test_the_first_use_of_a_key_proves_the_ring(db: Database, rows: Rows) -> None:
    asha = users.create(db, "asha", "asha@example.in")
    users.set_password(db, asha.user_id, PASSWORD)

    assert [row[0] for row in rows()] == [1]
    assert users.verify_password(db, "asha", PASSWORD) is not None
    assert is_proven(db)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_an_enrollment_that_is_rolled_back_proves_nothing(
    config: Config, rows: Rows, times: int
) -> None:
    with opened(config, ONE) as db:
        with suppress(UndoError), db.transaction() as tx:
            for _ in range(times):
                proof.prove(tx)
            raise UndoError
        assert rows() == []
        assert not is_proven(db)
        with opened(config, KeyRing([STRANGER])) as other:
            proof.prove(other)
        # A value sealed under this key 1 could not be opened with the key 1 of the database.
        asha = users.create(db, "asha", "asha@example.in")
        with pytest.raises(KeyRingError, match="is not the key 1 that"):
            users.set_password(db, asha.user_id, PASSWORD)


def test_after_a_nested_transaction_that_failed_the_outer_one_enrolls_again(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        asha = users.create(db, "asha", "asha@example.in")
        with db.transaction() as tx:
            with suppress(UndoError), tx.transaction() as nested:
                users.set_password(nested, asha.user_id, PASSWORD)
                raise UndoError
            users.set_password(tx, asha.user_id, PASSWORD)
        assert users.verify_password(db, "asha", PASSWORD) is not None
    assert [row[0] for row in rows()] == [1]


def test_after_a_transaction_that_is_rolled_back_the_next_one_enrolls_again(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        asha = users.create(db, "asha", "asha@example.in")
        for _ in range(2):
            with suppress(UndoError), db.transaction() as tx:
                users.set_password(tx, asha.user_id, PASSWORD)
                assert users.verify_password(tx, "asha", PASSWORD) is not None
                raise UndoError
        users.set_password(db, asha.user_id, PASSWORD)
    assert [row[0] for row in rows()] == [1]


def test_an_enrollment_in_a_nested_transaction_that_fails_proves_nothing(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        with db.transaction() as tx:
            with suppress(UndoError), tx.transaction() as nested:
                proof.prove(nested)
                raise UndoError
            users.create(tx, "asha", "asha@example.in")
        assert rows() == []
        assert not is_proven(db)


# Rings that do not fit -------------------------------------------------------------------------

UNFIT: dict[str, tuple[list[Key], str]] = {
    "wrong key": (
        [STRANGER],
        rf"key 1 of the ring \(fingerprint {STRANGER.fingerprint}\) is not the key 1 that",
    ),
    "wrong key beside the right one under another id": (
        [STRANGER, replace(FIRST, key_id=2, state="decrypt-only")],
        rf"key 1 of the ring \(fingerprint {STRANGER.fingerprint}\) is not the key 1 that",
    ),
    "key missing": (
        [replace(SECOND, state="primary")],
        "the database is sealed with key 1, which the ring lacks",
    ),
    "right key under another id": (
        [replace(FIRST, key_id=2)],
        "the database is sealed with key 1, which the ring lacks",
    ),
    "key retired": (
        [replace(FIRST, state="retired"), replace(SECOND, state="primary")],
        "key 1 is retired in the ring, .*or for a restored backup with the ring of its time",
    ),
    "primary unknown": (
        [replace(FIRST, state="decrypt-only"), replace(SECOND, state="primary")],
        "key 2 is primary in the key ring but unknown to the database; .*run oadb keys promote",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_ring_is_refused_and_nothing_is_written(
    first: Database, config: Config, rows: Rows, case: str
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    before, stored = rows(), stored_passwords._find_password(first, "asha")
    ring, problem = UNFIT[case]
    with opened(config, KeyRing(ring)) as db:
        for way in ("prove", "password", "sign-in", "transaction", "prove"):
            with pytest.raises(KeyRingError, match=problem) as refused:
                attempt(db, way, asha.user_id)
            assert repr(STRANGER.root.reveal()) not in repr(refused.value)
            assert not is_proven(db)

    assert rows() == before
    assert stored_passwords._find_password(first, "asha") == stored
    assert users.verify_password(first, "asha", PASSWORD) is not None


def attempt(db: Database, way: str, user_id: int) -> None:
    if way == "prove":
        proof.prove(db)
    elif way == "password":
        users.set_password(db, user_id, PASSWORD)
    elif way == "sign-in":
        users.verify_password(db, "asha", PASSWORD)
    else:
        with db.transaction() as tx:
            users.set_password(tx, user_id, PASSWORD)


@pytest.mark.usefixtures("first")
def test_of_several_wrong_keys_the_first_is_named(config: Config) -> None:
    with opened(config, TWO) as db:
        proof.admit(db, 2)
    wrong = [replace(STRANGER, key_id=2, state="decrypt-only"), FIRST]
    with (
        opened(config, KeyRing(wrong)) as db,
        pytest.raises(KeyRingError, match="is not the key 2 that"),
    ):
        proof.prove(db)


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    "ring",
    [
        KeyRing([FIRST, SECOND]),
        KeyRing([FIRST, replace(SECOND, state="retired")]),
        KeyRing([FIRST, SECOND, THIRD]),
    ],
    ids=["decrypt-only", "retired", "two"],
)
def test_keys_that_are_not_enrolled_may_be_in_the_ring_unless_one_is_primary(
    config: Config, rows: Rows, ring: KeyRing
) -> None:
    before = rows()
    with opened(config, ring) as db:
        proof.prove(db)

        assert is_proven(db)
    assert rows() == before


def test_without_a_ring_operations_that_need_one_raise_config_error(
    config: Config, rows: Rows
) -> None:
    with opened(config, None) as db:
        asha = users.create(db, "asha", "asha@example.in")
        attempts: list[Callable[[], object]] = [
            lambda: proof.prove(db),
            lambda: proof.admit(db, 1),
            lambda: users.set_password(db, asha.user_id, PASSWORD),
            lambda: users.verify_password(db, "asha", PASSWORD),
        ]
        for each in attempts:
            with pytest.raises(ConfigError, match=r"OADB_KEYRING_FILE is not set.* oadb keys new"):
                each()
        assert users.find_by_username(db, "asha") == asha
    assert rows() == []


# Tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["api_keys", "sessions"])
def test_a_token_is_found_while_its_row_is_sealed_again(
    config: Config, monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    """Also by a process whose ring still has the old primary key."""
    run = AsyncPoolExecutor._run
    asked: list[str] = []

    async def rewrapping(executor: AsyncPoolExecutor, query: Any, params: tuple[Any, ...]) -> Any:
        found = await run(executor, query, params)
        asked.append(query.label)
        if "._find_by_digest" in query.label:
            for module in (api_keys, sessions):
                rotation.rewrap(after, module.SEALED, 1, 10)
        return found

    with opened(config, TWO) as before, opened(config, TWO.with_primary(2)) as after:
        asha = users.create(before, "asha", "asha@example.in")
        shown = {
            "api_keys": api_keys.create(before, asha.user_id, "x", order_mode="auto").token,
            "sessions": sessions.create(before, users.signed_in(asha, assurance=1)).token,
        }[domain]
        proof.admit(before, 2)
        monkeypatch.setattr(AsyncPoolExecutor, "_run", rewrapping)
        find = api_keys.verify if domain == "api_keys" else sessions.verify
        found = [getattr(find(before, shown), "user_id", None) for _ in range(2)]

    assert found == [asha.user_id] * 2
    assert asked.count(f"{domain}._find_by_digest +user_id +others") == 2
    assert f"{domain}._find_by_digest" not in asked


async def test_a_conflict_that_has_nothing_to_do_with_keys_stays_a_conflict(
    adb: AsyncDatabase,
) -> None:
    refusal = ConflictError("the name is taken")
    refusal.constraint = "api_keys_name_key"

    @proof.seals
    async def write(_db: AsyncExecutor) -> None:
        raise refusal

    with pytest.raises(ConflictError) as raised:
        await write(adb)
    assert raised.value is refusal
