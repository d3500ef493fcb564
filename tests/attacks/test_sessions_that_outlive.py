"""No session must outlive a change of what its user proves itself by, but the one that is named."""

from collections.abc import Callable, Generator
from uuid import UUID

import pytest

from oadb import Database, Secret
from oadb.accounts import second_factors, sessions, users
from oadb.accounts.sessions import NewSession
from tests.conftest import configured
from tests.support.accounts import account, found_sessions, new_user
from tests.support.authenticators import Authenticator, enroll
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("cheap_hashing")

Change = Callable[[UUID | None], object]


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


def code_of_now(observer: Observer, db: Database, user_id: int) -> Secret:
    clock = int(observer.ask("select floor(extract(epoch from now()))::bigint"))
    return Authenticator(clock, enroll(db, user_id)).code()


@pytest.fixture(params=["password", "address", "new factor", "removed factor"])
def change(
    request: pytest.FixtureRequest, observer: Observer, db: Database, user_id: int
) -> Change:
    code = code_of_now(observer, db, user_id)
    if request.param == "removed factor":
        assert second_factors.verify(db, user_id, code)
    changes: dict[str, Change] = {
        "password": lambda keep: users.set_password(
            db, user_id, Secret("another horse"), keep=keep
        ),
        "address": lambda keep: users.update(
            db, user_id, email=f"new{user_id}@example.in", keep=keep
        ),
        "new factor": lambda keep: second_factors.verify(db, user_id, code, keep=keep),
        "removed factor": lambda keep: second_factors.disable(db, user_id, keep=keep),
    }
    return changes[request.param]


def two(db: Database, user_id: int) -> tuple[NewSession, NewSession]:
    user = account(db, user_id)
    return sessions.create(db, user), sessions.create(db, user)


def test_a_change_ends_all_sessions(db: Database, user_id: int, change: Change) -> None:
    made = two(db, user_id)
    other = sessions.create(db, account(db, new_user(db)))

    change(None)

    assert found_sessions(db, *made, other) == [False, False, True]


def test_a_change_leaves_the_session_that_is_named(
    db: Database, user_id: int, change: Change
) -> None:
    made = two(db, user_id)

    change(made[1].session.session_id)

    assert found_sessions(db, *made) == [False, True]


def test_what_changes_nothing_ends_nothing(db: Database, observer: Observer, user_id: int) -> None:
    made = two(db, user_id)
    user = account(db, user_id)

    users.update(db, user_id, email=user.email, first_name="Asha")
    second_factors.disable(db, user_id)
    code = code_of_now(observer, db, user_id)
    second_factors.verify(db, user_id, Secret("wrong"))

    assert found_sessions(db, *made) == [True, True]
    assert second_factors.verify(db, user_id, code, keep=made[0].session.session_id)
    assert found_sessions(db, *made) == [True, False]
