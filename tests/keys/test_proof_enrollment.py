"""Enrolling and withdrawing keys: at once, by role, and while rows need them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from oadb import Config, Database
from oadb.accounts import users
from oadb.errors import KeyRingError
from oadb.keys import proof, root_key_uses, rotation
from oadb.security.keyring import KeyRing
from tests.support.proving import (
    FIRST,
    ONE,
    PASSWORD,
    SECOND,
    STRANGER,
    THIRD,
    TWO,
    Rows,
    is_proven,
    oadb_database_url,
    opened,
)

__all__ = ["oadb_database_url"]  # a fixture

pytestmark = pytest.mark.usefixtures("cheap_hashing")


# Two at once -----------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, other: Database) -> None:
    """Have *other* enroll its ring after the next process found the database without a key."""
    enroll_first = proof._enroll_first

    async def late(db: Any, ring: KeyRing) -> None:
        monkeypatch.setattr(proof, "_enroll_first", enroll_first)
        proof.prove(other)
        await enroll_first(db, ring)

    monkeypatch.setattr(proof, "_enroll_first", late)


def test_of_two_rings_with_one_id_that_enroll_at_once_one_is_refused(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(config, ONE) as winner, opened(config, KeyRing([STRANGER])) as loser:
        meanwhile(monkeypatch, winner)
        with pytest.raises(KeyRingError, match="is not the key 1 that"):
            proof.prove(loser)
        assert not is_proven(loser)
        proof.prove(winner)
        assert is_proven(winner)
    assert [row[0] for row in rows()] == [1]


def test_of_two_rings_with_different_ids_that_enroll_at_once_one_is_refused(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction inserts key 1, the other key 2: no constraint makes either of them wait."""
    with (
        opened(config, ONE) as winner,
        opened(config, KeyRing([replace(SECOND, state="primary")])) as loser,
    ):
        meanwhile(monkeypatch, winner)
        with pytest.raises(KeyRingError, match="sealed with key 1, which the ring lacks"):
            proof.prove(loser)
        assert not is_proven(loser)
        assert [row[0] for row in rows()] == [1]
        proof.prove(winner)
        assert is_proven(winner)


def test_two_processes_with_the_same_ring_may_enroll_at_once(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(config, ONE) as one, opened(config, ONE) as other:
        meanwhile(monkeypatch, one)
        proof.prove(other)
        proof.prove(one)

        assert is_proven(one)
    assert [row[0] for row in rows()] == [1]


# Roles -----------------------------------------------------------------------------------------


@contextmanager
def every_session_is(url: str, role: str) -> Generator[None]:
    """Have every session of the database begin as *role*."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute("select current_user, current_database()").fetchone()
        assert names is not None
        alter = SQL("alter role {} in database {} ").format(*map(Identifier, names))
        connection.execute(alter + SQL("set role to {}").format(Identifier(role)))
        yield
        connection.execute(alter + SQL("reset role"))


@pytest.mark.parametrize("role", ["oadb_app", "oadb_user"])
def test_a_role_that_may_not_enroll_gets_an_error_that_names_one_that_may(
    config: Config, oadb_database_url: str, rows: Rows, role: str
) -> None:
    with every_session_is(oadb_database_url, role), opened(config, ONE) as db:
        with pytest.raises(
            KeyRingError,
            match=r"may not enroll key 1; .*oadb keys promote 1 .*oadb_rotate",
        ) as refused:
            proof.prove(db)
        assert refused.value.__context__ is None
        assert not is_proven(db)
    assert rows() == []


def test_a_role_that_may_not_enroll_can_still_prove(
    first: Database, config: Config, oadb_database_url: str, rows: Rows
) -> None:
    before = rows()
    with every_session_is(oadb_database_url, "oadb_app"), opened(config, ONE) as db:
        proof.prove(db)

        assert is_proven(db)
        asha = users.create(db, "asha", "asha@example.in")
        users.set_password(db, asha.user_id, PASSWORD)
    assert users.verify_password(first, "asha", PASSWORD) is not None
    assert rows() == before


def test_the_role_of_rotation_may_enroll(
    config: Config, oadb_database_url: str, rows: Rows
) -> None:
    with every_session_is(oadb_database_url, "oadb_rotate"), opened(config, TWO) as db:
        proof.prove(db)
        proof.admit(db, 2)
        proof.withdraw(db, 2)
    assert [row[0] for row in rows()] == [1]


# Admitted and withdrawn ------------------------------------------------------------------------


@pytest.mark.usefixtures("first")
def test_an_admitted_key_can_become_primary(config: Config, rows: Rows) -> None:
    with opened(config, TWO) as db:
        proof.admit(db, 2)
        proof.admit(db, 2)
    assert [row[0] for row in rows()] == [1, 2]
    with opened(config, TWO.with_primary(2)) as db:
        asha = users.create(db, "asha", "asha@example.in")
        users.set_password(db, asha.user_id, PASSWORD)
        assert [(use.table_name, use.key_id, use.uses) for use in root_key_uses.list_uses(db)] == [
            ("users", 2, 1)
        ]
    # A process without the key is refused when it starts again.
    with (
        opened(config, ONE) as db,
        pytest.raises(KeyRingError, match="key 2, which the ring lacks"),
    ):
        proof.prove(db)


@pytest.mark.parametrize(
    ("ring", "key_id", "problem"),
    [
        pytest.param(TWO, 3, "key 3 is not in the ring", id="missing"),
        pytest.param(
            KeyRing([FIRST, replace(SECOND, state="retired")]), 2, "key 2 is retired", id="retired"
        ),
        pytest.param(KeyRing([STRANGER, SECOND]), 2, "is not the key 1 that", id="unfit"),
    ],
)
def test_a_key_that_cannot_be_admitted_changes_nothing(
    first: Database, config: Config, rows: Rows, ring: KeyRing, key_id: int, problem: str
) -> None:
    before = rows()
    with opened(config, ring) as db, pytest.raises(KeyRingError, match=problem):
        proof.admit(db, key_id)

    assert rows() == before
    assert is_proven(first)


@pytest.mark.usefixtures("first")
@pytest.mark.holds("F47")
def test_a_key_of_another_ring_that_was_admitted_meanwhile_is_noticed(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two operators generate a key 2 each; the second must not take it for its own."""
    second = KeyRing([FIRST, replace(THIRD, key_id=2)])
    enroll = proof._enroll

    async def late(db: Any, key_id: int, canary: bytes) -> None:
        monkeypatch.setattr(proof, "_enroll", enroll)
        with opened(config, TWO) as other:
            proof.admit(other, 2)
        await enroll(db, key_id, canary)

    monkeypatch.setattr(proof, "_enroll", late)
    with opened(config, second) as db, pytest.raises(KeyRingError, match="is not the key 2 that"):
        proof.admit(db, 2)
    assert [row[0] for row in rows()] == [1, 2]
    with opened(config, TWO) as db:
        proof.prove(db)


def test_a_key_is_withdrawn_when_no_row_needs_it_any_more(
    first: Database, config: Config, rows: Rows
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    with opened(config, TWO) as db:
        proof.admit(db, 2)
    before = rows()
    with opened(config, TWO.with_primary(2)) as db:
        with pytest.raises(KeyRingError, match="key 1 is still needed by rows of users"):
            proof.withdraw(db, 1)
        assert rows()[1:] == before[1:]
        assert [row[:4] for row in rows()] == [row[:4] for row in before]
        assert rotation.rewrap(db, users.SEALED, 1, 100).rows == 1
        assert rotation.rewrap(db, users.SEALED, 1, 100).rows == 0
        proof.withdraw(db, 1)
        assert [row[0] for row in rows()] == [2]
        assert users.verify_password(db, "asha", PASSWORD) is not None
    # A process that still seals with it cannot store anything.
    with pytest.raises(KeyRingError, match="key 1, which this process seals with, is unknown to"):
        users.set_password(first, asha.user_id, PASSWORD)


def test_a_key_that_is_needed_is_not_withdrawn_in_a_transaction_either(
    first: Database, rows: Rows
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    with first.transaction() as tx:
        with pytest.raises(KeyRingError, match="still needed"):
            proof.withdraw(tx, 1)
        assert users.get(tx, asha.user_id) is not None
    assert [row[0] for row in rows()] == [1]


def test_withdrawing_an_unknown_key_changes_nothing(first: Database, rows: Rows) -> None:
    before = rows()
    proof.withdraw(first, 9)

    assert rows() == before
