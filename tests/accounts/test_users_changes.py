"""Users: changed field by field, renamed and promoted."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, UniqueViolation

from oadb import AsyncDatabase, Database
from oadb.accounts import users
from oadb.accounts.users import SignedInUser, User
from oadb.engine.binding.values import UNSET
from oadb.errors import NoRowError, ParameterError
from tests.support.rig import Observer, eventually, threads

UNKNOWN = 2**62


@pytest.fixture
def rao(db: Database, number: int) -> User:
    """Give a user with every field."""
    return users.create(
        db, f"rao{number}", f"rao{number}@example.in", first_name="Asha", last_name="Rao"
    )


def fields(db: Database, user_id: int) -> tuple[str, str | None, str | None, bool]:
    user = users.get(db, user_id)
    assert user is not None
    return user.email, user.first_name, user.last_name, user.is_admin


def test_only_the_given_fields_change(db: Database, rao: User) -> None:
    assert users.update(db, rao.user_id, first_name="Uma") is True
    assert fields(db, rao.user_id) == (rao.email, "Uma", "Rao", False)
    assert users.update(db, rao.user_id, email=f"new-{rao.email}", last_name="Iyer") is True
    assert fields(db, rao.user_id) == (f"new-{rao.email}", "Uma", "Iyer", False)
    changed = users.get(db, rao.user_id)

    assert changed is not None
    assert changed.updated_at > rao.updated_at
    assert (changed.created_at, changed.username) == (rao.created_at, rao.username)
    assert changed.auth_epoch == rao.auth_epoch


def test_none_clears_a_name_and_unset_leaves_it(db: Database, rao: User) -> None:
    assert users.update(db, rao.user_id, first_name=None, last_name=UNSET) is True
    assert fields(db, rao.user_id) == (rao.email, None, "Rao", False)
    assert users.update(db, rao.user_id, first_name=None) is False


def test_an_address_cannot_be_cleared(db: Database, rao: User) -> None:
    nothing: Any = None
    with pytest.raises(ParameterError, match=r"^users\.update: email must be str"):
        users.update(db, rao.user_id, email=nothing)

    assert fields(db, rao.user_id)[0] == rao.email


def test_an_update_that_changes_nothing_says_so_and_writes_nothing(
    db: Database, observer: Observer, rao: User
) -> None:
    before = observer.ask("select ctid::text from oadb.users where user_id = %s", rao.user_id)

    assert users.update(db, rao.user_id) is False
    assert users.update(db, rao.user_id, email=rao.email, first_name="Asha") is False
    assert users.update(db, rao.user_id, is_admin=False) is False
    assert users.set_username(db, rao.user_id, rao.username) is False
    assert users.get(db, rao.user_id) == rao
    assert (
        observer.ask("select ctid::text from oadb.users where user_id = %s", rao.user_id) == before
    )


def test_the_letter_case_of_an_address_is_a_change(db: Database, rao: User) -> None:
    assert users.update(db, rao.user_id, email=rao.email.upper()) is True
    assert fields(db, rao.user_id)[0] == rao.email.upper()


@pytest.mark.parametrize(
    "given",
    [
        {}, {"email": "x@example.in"}, {"first_name": None}, {"is_admin": True},
        {"is_admin": False, "last_name": "x"},
    ],
)  # fmt: skip  # a table
def test_an_unknown_user_is_not_updated(db: Database, given: dict[str, Any]) -> None:
    with pytest.raises(NoRowError, match=rf"^users\.update: there is no user {UNKNOWN}$"):
        users.update(db, UNKNOWN, **given)


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"email": "x"}, "users_email_check"),
        ({"first_name": ""}, "users_first_name_check"),
        ({"last_name": "x" * 201}, "users_last_name_check"),
    ],
    ids=["email", "first name", "last name"],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_changes(
    db: Database, rao: User, given: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(CheckViolation) as refused:
        users.update(db, rao.user_id, is_admin=True, **given)

    assert refused.value.diag.constraint_name == constraint
    assert users.get(db, rao.user_id) == rao


def test_a_name_or_address_of_another_user_is_refused_in_any_letter_case(
    db: Database, rao: User, user: SignedInUser
) -> None:
    with pytest.raises(UniqueViolation) as refused:
        users.update(db, rao.user_id, email=user.email.upper(), first_name="Uma")
    assert refused.value.diag.constraint_name == "users_email_lower_key"
    with pytest.raises(UniqueViolation) as refused:
        users.set_username(db, rao.user_id, user.username.upper())
    assert refused.value.diag.constraint_name == "users_username_lower_key"

    assert users.get(db, rao.user_id) == rao


def test_of_two_partial_updates_at_once_neither_is_lost(
    db: Database, url: str, observer: Observer, rao: User
) -> None:
    """The second one waits for the first, and then reads what it left."""
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute("update oadb.users set first_name = 'Uma' where user_id = %s", [rao.user_id])
        waiting = pool.submit(users.update, db, rao.user_id, last_name="Iyer")
        eventually(lambda: observer.running("oadb.users"))
        other.commit()
        assert waiting.result() is True

    assert fields(db, rao.user_id) == (rao.email, "Uma", "Iyer", False)


def test_many_partial_updates_at_once_lose_nothing(many: Database, rao: User) -> None:
    given: list[dict[str, Any]] = [
        {"email": f"other-{rao.email}"}, {"first_name": "Uma"}, {"last_name": None},
        {"is_admin": True},
    ]  # fmt: skip  # a table
    with threads(8) as pool:
        changed = list(
            pool.map(lambda n: users.update(many, rao.user_id, **given[n % 4]), range(8))
        )

    assert fields(many, rao.user_id) == (f"other-{rao.email}", "Uma", None, True)
    assert changed.count(True) == len(given)


def test_a_user_becomes_an_administrator_and_ceases_to_be_one(db: Database, rao: User) -> None:
    assert users.update(db, rao.user_id, is_admin=True) is True
    assert users.update(db, rao.user_id, is_admin=True) is False
    assert fields(db, rao.user_id) == (rao.email, "Asha", "Rao", True)
    assert users.update(db, rao.user_id, first_name="Uma", is_admin=True) is True
    assert users.update(db, rao.user_id, is_admin=False) is True
    assert fields(db, rao.user_id) == (rao.email, "Uma", "Rao", False)


@pytest.mark.parametrize("is_admin", [True, False])
def test_under_an_identity_users_change_their_profile_and_never_promote_themselves(
    db: Database, rao: User, is_admin: bool
) -> None:
    with pytest.raises(InsufficientPrivilege):
        users.update(db.as_user(rao.user_id), rao.user_id, first_name="Uma", is_admin=is_admin)
    assert users.get(db, rao.user_id) == rao, "the whole update is rolled back"

    assert users.update(db.as_user(rao.user_id), rao.user_id, first_name="Uma") is True
    with pytest.raises(InsufficientPrivilege):
        users.set_username(db.as_user(rao.user_id), rao.user_id, "root")


def test_under_an_identity_another_user_does_not_exist(
    db: Database, rao: User, user: SignedInUser
) -> None:
    for given in ({"first_name": "Uma"}, {"is_admin": True}):
        changes: Any = given
        with pytest.raises(NoRowError, match=f"there is no user {user.user_id}$"):
            users.update(db.as_user(rao.user_id), user.user_id, **changes)


# Names -------------------------------------------------------------------------------------------


def test_a_renamed_user_is_found_by_the_new_name_only(db: Database, rao: User) -> None:
    assert users.set_username(db, rao.user_id, f"uma-{rao.username}") is True
    renamed = users.find_by_username(db, f"UMA-{rao.username}")

    assert renamed is not None
    assert renamed.user_id == rao.user_id
    assert renamed.auth_epoch == rao.auth_epoch
    assert renamed.updated_at > rao.updated_at
    assert users.find_by_username(db, rao.username) is None


def test_the_letter_case_of_a_name_can_be_changed(db: Database, rao: User) -> None:
    assert users.set_username(db, rao.user_id, rao.username.upper()) is True
    found = users.get(db, rao.user_id)

    assert found is not None
    assert found.username == rao.username.upper()


@pytest.mark.parametrize("username", ["", "a b", "x" * 81], ids=["empty", "space", "long"])
def test_a_name_that_does_not_fit_is_refused(db: Database, rao: User, username: str) -> None:
    with pytest.raises(CheckViolation) as refused:
        users.set_username(db, rao.user_id, username)

    assert refused.value.diag.constraint_name == "users_username_check"
    assert users.get(db, rao.user_id) == rao


def test_an_unknown_user_is_not_renamed(db: Database) -> None:
    with pytest.raises(NoRowError, match=rf"^users\.set_username: there is no user {UNKNOWN}$"):
        users.set_username(db, UNKNOWN, "uma")


async def test_users_are_changed_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")

    assert await users.update(adb, asha.user_id, first_name="Asha", is_admin=True)
    assert await users.set_username(adb, asha.user_id, "uma")
    found = await users.get(adb, asha.user_id)
    assert found is not None
    assert (found.username, found.first_name, found.is_admin) == ("uma", "Asha", True)
    assert (await users.list_all(adb)).rows == [found]
