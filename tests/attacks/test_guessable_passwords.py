"""No way to set a password must take one that is common, of the user's name, or of a breach."""

from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from oadb import Database, Secret
from oadb.accounts import one_time_tokens, users
from oadb.accounts.users import User
from oadb.errors import ParameterError, UnavailableError
from tests.conftest import configured
from tests.support.accounts import OTHER, PASSWORD

pytestmark = pytest.mark.usefixtures("cheap_hashing")

Setting = Callable[[Database, User, Secret], object]


def by_reset(db: Database, user: User, password: Secret) -> object:
    token = one_time_tokens.create(db, user.user_id, "password_reset").token
    return one_time_tokens.reset_password(db, token, password)


WAYS: dict[str, Setting] = {
    "set_password": lambda db, user, password: users.set_password(db, user.user_id, password),
    "reset_password": by_reset,
}


def breached(password: Secret) -> bool:
    if password.reveal() == "breaks the service":
        raise RuntimeError(password.reveal())
    return password.reveal() == "known of a breach"


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(replace(configured(url), breached=breached)) as db:
        yield db


@pytest.fixture(scope="module")
def user(db: Database) -> User:
    return users.create(db, "Asha.Rao", "trader77@example.in")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text",
    ["Password2026!", "my asha.rao", "TRADER77 again", "known of a breach", "qwertyuiop"],
)
def test_what_is_easily_guessed_is_not_set(db: Database, user: User, way: str, text: str) -> None:
    users.set_password(db, user.user_id, PASSWORD)

    with pytest.raises(ParameterError) as refused:
        WAYS[way](db, user, Secret(text))

    assert text not in str(refused.value)
    assert users.verify_password(db, user.username, PASSWORD) is not None


@pytest.mark.parametrize("way", WAYS)
def test_a_hook_that_fails_lets_no_password_in(db: Database, user: User, way: str) -> None:
    users.set_password(db, user.user_id, PASSWORD)

    with pytest.raises(UnavailableError, match=r"breached failed \(RuntimeError\)") as failed:
        WAYS[way](db, user, Secret("breaks the service"))

    assert failed.value.__context__ is None
    assert users.verify_password(db, user.username, PASSWORD) is not None


def test_a_hook_that_does_not_answer_yes_or_no_lets_no_password_in(url: str, user: User) -> None:
    said_nothing: Callable[[Secret], bool] = lambda _: None  # type: ignore[assignment, return-value]  # noqa: E731  # a mistake
    config = replace(configured(url), breached=said_nothing)
    with Database(config) as db, pytest.raises(UnavailableError, match="no bool"):
        users.set_password(db, user.user_id, OTHER)


def test_a_password_from_before_the_rules_still_signs_in(
    db: Database, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oadb.accounts.sealed_passwords.require_uncommon", lambda *_: None)
    users.set_password(db, user.user_id, Secret("password"))
    monkeypatch.undo()

    assert users.verify_password(db, user.username, Secret("password")) is not None
