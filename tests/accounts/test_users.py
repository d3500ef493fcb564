"""Users: names, addresses and passwords."""

import asyncio
from typing import Any

import argon2
import psycopg
import pytest

from oadb import AsyncDatabase, Database, Executor, Secret, Transaction
from oadb.accounts import sealed_passwords, stored_passwords, users
from oadb.accounts.users import User
from oadb.errors import NoRowError, ParameterError
from oadb.keys import proof
from oadb.security.passwords import Passwords
from oadb.security.sealing import SealedColumn
from tests.conftest import RING
from tests.support.accounts import noted

HASH = SealedColumn("users", "password_hash")
PASSWORD = Secret("correct horse")

pytestmark = pytest.mark.usefixtures("cheap_hashing")


def create_asha(db: Executor) -> User:
    return users.create(
        db, "Asha", "Asha@Example.in", first_name="Asha", last_name="Rao", is_admin=True
    )


@pytest.fixture
def asha(tx: Transaction) -> User:
    return create_asha(tx)


def test_a_user_is_found_by_every_key(tx: Transaction, asha: User) -> None:
    assert asha.username == "Asha"
    assert asha.email == "Asha@Example.in"
    assert asha.is_admin
    assert users.get(tx, asha.user_id) == asha
    assert users.find_by_username(tx, "ASHA") == asha
    assert users.find_by_email(tx, "asha@example.IN") == asha


def test_an_unknown_user_is_none(tx: Transaction) -> None:
    assert users.get(tx, 1) is None
    assert users.find_by_username(tx, "asha") is None
    assert users.find_by_email(tx, "asha@example.in") is None
    assert stored_passwords._find_password(tx, "asha") is None


def test_a_user_needs_no_more_than_a_name_and_an_address(tx: Transaction) -> None:
    user = users.create(tx, "ravi", "ravi@example.in")

    assert (user.first_name, user.last_name, user.is_admin) == (None, None, False)
    assert user.created_at == user.updated_at


@pytest.mark.parametrize(
    ("username", "email", "constraint"),
    [
        ("ASHA", "other@example.in", "users_username_lower_key"),
        ("other", "ASHA@EXAMPLE.IN", "users_email_lower_key"),
    ],
)
def test_two_users_cannot_share_a_name_or_an_address(
    tx: Transaction, asha: User, username: str, email: str, constraint: str
) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation) as refused, tx.transaction() as nested:
        users.create(nested, username, email)

    assert refused.value.diag.constraint_name == constraint
    assert users.list_all(tx).rows == [asha]
    assert users.count(tx) == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"username": ""}, "users_username_check"),
        ({"username": "a b"}, "users_username_check"),
        ({"username": "asha\n"}, "users_username_check"),
        ({"username": "a" * 81}, "users_username_check"),
        ({"email": "asha"}, "users_email_check"),
        ({"email": "a@b@c"}, "users_email_check"),
        ({"email": "asha@example.in\n"}, "users_email_check"),
        ({"email": "a" * 250 + "@b.in"}, "users_email_check"),
        ({"first_name": ""}, "users_first_name_check"),
        ({"last_name": "a" * 201}, "users_last_name_check"),
    ],
)
def test_an_invalid_name_or_address_is_refused(
    tx: Transaction, fields: dict[str, str], constraint: str
) -> None:
    given: Any = {"username": "asha", "email": "asha@example.in", **fields}
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        users.create(tx, **given)

    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("username", ["a", "a" * 80, "a.b_c-d@e", "अशा", "Ünal1"])
def test_a_name_may_be_in_any_alphabet(tx: Transaction, username: str) -> None:
    assert users.create(tx, username, "a@example.in").username == username


def test_a_deleted_user_is_gone(tx: Transaction, asha: User) -> None:
    assert users.delete(tx, asha.user_id) is True
    assert users.delete(tx, asha.user_id) is False
    assert users.get(tx, asha.user_id) is None


def test_a_password_is_verified_in_any_case_of_the_name(tx: Transaction, asha: User) -> None:
    users.set_password(tx, asha.user_id, PASSWORD)
    user = users.verify_password(tx, "ASHA", PASSWORD)

    assert user is not None
    assert user.user_id == asha.user_id


async def test_a_password_is_set_and_verified_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")

    await users.set_password(adb, asha.user_id, PASSWORD)
    both = await asyncio.gather(
        users.verify_password(adb, "asha", PASSWORD),
        users.verify_password(adb, "asha", Secret("wrong horse")),
    )

    assert [user is not None for user in both] == [True, False]


def test_a_wrong_name_or_password_gives_none(tx: Transaction, asha: User) -> None:
    users.create(tx, "ravi", "ravi@example.in")
    users.set_password(tx, asha.user_id, PASSWORD)

    assert users.verify_password(tx, "asha", Secret("correct horse!")) is None
    assert users.verify_password(tx, "asha", Secret("")) is None
    assert users.verify_password(tx, "ravi", PASSWORD) is None
    assert users.verify_password(tx, "nobody", PASSWORD) is None


def test_a_password_of_an_unknown_user_is_not_stored(tx: Transaction) -> None:
    with pytest.raises(NoRowError, match=r"^users\.set_password: there is no user 1$"):
        users.set_password(tx, 1, PASSWORD)


def test_an_unfit_password_is_refused_and_the_old_one_stays(tx: Transaction, asha: User) -> None:
    users.set_password(tx, asha.user_id, PASSWORD)
    with pytest.raises(ParameterError):
        users.set_password(tx, asha.user_id, Secret("short"))

    assert users.verify_password(tx, "asha", PASSWORD) is not None


def stored(tx: Executor) -> str | None:
    """Return the opened hash: the sealed one is different each time."""
    found = stored_passwords._find_password(tx, "asha")
    if found is None or found.password_hash is None:
        return None
    return HASH.open(RING, (found.user_id,), found.password_hash).decode()


def test_a_new_password_replaces_the_old_one_and_shows_in_updated_at(alone: Database) -> None:
    asha = create_asha(alone)
    users.set_password(alone, asha.user_id, PASSWORD)
    users.set_password(alone, asha.user_id, Secret("another horse"))
    user = users.verify_password(alone, "asha", Secret("another horse"))

    assert users.verify_password(alone, "asha", PASSWORD) is None
    assert user is not None
    assert user.updated_at > asha.updated_at


def test_an_outdated_hash_is_renewed_by_the_next_sign_in(
    alone: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = create_asha(alone)
    users.set_password(alone, asha.user_id, PASSWORD)
    old, before = stored(alone), users.get(alone, asha.user_id)
    stronger = argon2.Parameters(
        argon2.Type.ID, 19, 16, 16, time_cost=2, memory_cost=16, parallelism=1
    )
    monkeypatch.setattr(sealed_passwords, "passwords", Passwords(stronger))

    assert users.verify_password(alone, "asha", Secret("wrong horse")) is None
    assert stored(alone) == old
    assert users.verify_password(alone, "asha", PASSWORD) is not None
    noted(alone)
    renewed = stored(alone)
    assert renewed is not None
    assert renewed != old
    assert "m=16,t=2,p=1" in renewed
    assert users.verify_password(alone, "asha", PASSWORD) is not None
    assert stored(alone) == renewed
    assert users.get(alone, asha.user_id) == before


def test_a_renewed_hash_does_not_replace_a_password_that_was_changed_meanwhile(
    tx: Transaction, asha: User
) -> None:
    proof.prove(tx)
    old, new, renewed = (HASH.seal(RING, (asha.user_id,), b"$%d" % each) for each in range(3))
    stored_passwords._store_password(tx, asha.user_id, new)

    assert stored_passwords._upgrade_password(tx, asha.user_id, renewed, old) == 0
    assert stored(tx) == "$1"
    assert stored_passwords._upgrade_password(tx, asha.user_id, renewed, new) == 1
    assert stored(tx) == "$2"


def test_a_renewal_does_not_revert_a_change_between_its_two_steps(
    tx: Transaction, asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password changes while a sign-in with the old one computes the new hash."""

    class Slow(Passwords):
        def is_outdated(self, stored: Secret) -> bool:
            del stored
            users.set_password(tx, asha.user_id, Secret("another horse"))
            return True

    users.set_password(tx, asha.user_id, PASSWORD)
    monkeypatch.setattr(sealed_passwords, "passwords", Slow(argon2.profiles.CHEAPEST))
    users.verify_password(tx, "asha", PASSWORD)
    monkeypatch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))

    assert users.verify_password(tx, "asha", PASSWORD) is None
    assert users.verify_password(tx, "asha", Secret("another horse")) is not None


def test_repr_shows_no_hash(tx: Transaction, asha: User) -> None:
    users.set_password(tx, asha.user_id, PASSWORD)

    assert "argon2" not in repr(stored_passwords._find_password(tx, "asha"))
    assert "argon2" not in repr(users.get(tx, asha.user_id))


def test_an_estimate_is_exact_for_few_users_and_the_servers_for_many(tx: Transaction) -> None:
    for number in range(5):
        users.create(tx, f"ravi{number}", f"ravi{number}@example.in")

    assert users.estimate_count(tx) == users.estimate_count(tx, exact=5) == 5
    assert users.estimate_count(tx, exact=2) == 3, "the server knows of none yet"
    with pytest.raises(ParameterError, match="exact"):
        users.estimate_count(tx, exact=0)


def test_after_analyze_an_estimate_is_what_the_server_found(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.users (username, email) "
            "select 'user' || n, 'user' || n || '@example.in' from generate_series(1, 300) as n"
        )
        connection.execute("analyze oadb.users")
    with Database.from_url(url) as db:
        assert users.estimate_count(db, exact=10) == users.count(db) == 300
