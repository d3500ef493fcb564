"""A one-time token must not work twice, late, for another purpose or user, or after a change."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from oadb import Database, Secret
from oadb.accounts import one_time_tokens, sessions, users
from oadb.accounts.one_time_tokens import TokenPurpose, TokenUse
from oadb.errors import ParameterError, TransactionError
from tests.conftest import configured
from tests.support.accounts import OTHER, PASSWORD, account, found_sessions, new_user
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("cheap_hashing")

NEW = Secret("third horse of all")


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture
def user_id(db: Database) -> int:
    user_id = new_user(db)
    users.set_password(db, user_id, PASSWORD)
    return user_id


def reset(db: Database, user_id: int, purpose: TokenPurpose = "password_reset") -> Secret:
    return one_time_tokens.create(db, user_id, purpose).token


def moved(db: Database, user_id: int) -> Secret:
    address = f"moved{user_id}@example.in"
    return one_time_tokens.create(db, user_id, "email_change", new_email=address).token


def name_of(db: Database, user_id: int) -> str:
    found = users.get(db, user_id)
    assert found is not None
    return found.username


def test_a_reset_sets_the_password_and_ends_the_sessions(db: Database, user_id: int) -> None:
    session, token = sessions.create(db, account(db, user_id)), reset(db, user_id)

    done = one_time_tokens.reset_password(db, token, NEW)

    assert done
    assert done.user_id == user_id
    assert users.verify_password(db, name_of(db, user_id), NEW) is not None
    assert users.verify_password(db, name_of(db, user_id), PASSWORD) is None
    assert found_sessions(db, session) == [False]
    assert not one_time_tokens.reset_password(db, token, OTHER)
    assert users.verify_password(db, name_of(db, user_id), NEW) is not None


def test_a_user_without_a_password_gets_the_first_one(db: Database) -> None:
    user_id = new_user(db)

    assert one_time_tokens.reset_password(db, reset(db, user_id, "activation"), NEW)
    assert users.verify_password(db, name_of(db, user_id), NEW) is not None


def test_an_address_is_changed_once_it_has_answered(db: Database, user_id: int) -> None:
    session, token = sessions.create(db, account(db, user_id)), moved(db, user_id)

    assert one_time_tokens.change_email(db, token)
    found = users.find_by_email(db, f"moved{user_id}@example.in")
    assert found is not None
    assert found.user_id == user_id
    assert found_sessions(db, session) == [False]
    assert not one_time_tokens.change_email(db, token)


@pytest.mark.long("200 tokens, each used by 16 at once")
@pytest.mark.parametrize("tokens", [1, 3])
def test_of_16_consumers_at_once_one_uses_a_token(url: str, tokens: int) -> None:
    """With several tokens of one user, too: the first new password makes the others void."""
    with Database(configured(url)) as db:
        for _ in range(10):
            user_id = new_user(db)
            made = [reset(db, user_id) for _ in range(tokens)] * (16 // tokens)
            with ThreadPoolExecutor(16) as pool:
                done = [*pool.map(lambda each: bool(reset_with(db, each)), made)]
            assert done.count(True) == 1


def reset_with(db: Database, token: Secret) -> TokenUse:
    return one_time_tokens.reset_password(db, token, NEW)


def void(db: Database, observer: Observer, user_id: int) -> dict[str, Callable[[], object]]:
    """Return what makes a token of a user void, by name."""
    return {
        "a new password": lambda: users.set_password(db, user_id, OTHER),
        "a new address": lambda: users.update(db, user_id, email=f"new{user_id}@example.in"),
        "disabled": lambda: users.disable(db, user_id, by=None),
        "deleted": lambda: users.delete(db, user_id),
        "revoked": lambda: one_time_tokens.revoke(db, user_id),
        "expired": lambda: observer.rows(
            "update oadb.one_time_tokens set created_at = created_at - interval '30 minutes', "
            "expires_at = expires_at - interval '30 minutes' where user_id = %s",
            user_id,
        ),
    }


@pytest.mark.parametrize(
    "reason", ["a new password", "a new address", "disabled", "deleted", "revoked", "expired"]
)
def test_a_token_is_void_after_a_change(
    db: Database, observer: Observer, user_id: int, reason: str
) -> None:
    token, mail = reset(db, user_id), moved(db, user_id)

    void(db, observer, user_id)[reason]()

    assert not one_time_tokens.reset_password(db, token, NEW)
    assert not one_time_tokens.change_email(db, mail)


def test_a_token_serves_no_other_purpose(db: Database, user_id: int) -> None:
    assert not one_time_tokens.change_email(db, reset(db, user_id))
    assert not one_time_tokens.reset_password(db, moved(db, user_id), NEW)


def test_a_digest_that_was_copied_to_another_user_is_refused(
    db: Database, observer: Observer, user_id: int
) -> None:
    """By somebody who can write the table, but has no key."""
    thief = new_user(db)
    token, theirs = reset(db, thief), reset(db, user_id)
    observer.rows(
        "update oadb.one_time_tokens as theirs "
        "set token_digest = mine.token_digest, binding = mine.binding "
        "from oadb.one_time_tokens as mine where theirs.user_id = %s and mine.user_id = %s",
        user_id,
        thief,
    )
    observer.rows("delete from oadb.one_time_tokens where user_id = %s", thief)

    assert not one_time_tokens.reset_password(db, token, NEW)
    assert not one_time_tokens.reset_password(db, theirs, NEW)


def test_an_address_that_was_written_into_a_row_is_not_given(
    db: Database, observer: Observer, user_id: int
) -> None:
    token = moved(db, user_id)
    observer.rows(
        "update oadb.one_time_tokens set new_email = 'thief@example.in' where user_id = %s", user_id
    )

    assert not one_time_tokens.change_email(db, token)


def test_the_database_has_neither_token_nor_plain_hash(
    db: Database, observer: Observer, user_id: int
) -> None:
    token = reset(db, user_id)
    row = observer.rows("select to_jsonb(t)::text from oadb.one_time_tokens as t")

    assert token.reveal() not in str(row)
    assert token.reveal()[4:] not in str(row)


def test_a_password_that_is_refused_leaves_the_token(db: Database, user_id: int) -> None:
    token = reset(db, user_id)

    with pytest.raises(ParameterError, match="8 to 1024 bytes"):
        one_time_tokens.reset_password(db, token, Secret("short"))
    assert one_time_tokens.reset_password(db, token, NEW)


def test_no_token_is_used_in_a_transaction(db: Database, user_id: int) -> None:
    token = reset(db, user_id)

    with db.transaction() as tx:
        with pytest.raises(TransactionError):
            one_time_tokens.reset_password(tx, token, NEW)
        with pytest.raises(TransactionError):
            one_time_tokens.change_email(tx, token)


def test_of_many_tokens_the_newest_few_work(db: Database, user_id: int) -> None:
    other = moved(db, user_id)
    made = [reset(db, user_id) for _ in range(one_time_tokens.MOST_TOKENS + 1)]

    assert not one_time_tokens.reset_password(db, made[0], NEW)
    assert one_time_tokens.change_email(db, other)


@pytest.mark.parametrize("wrong", ["", "x", "oat_" + "0" * 49, "\ud800", "oat_" + "a" * 10**6])
def test_what_is_no_token_is_refused(db: Database, wrong: str) -> None:
    assert not one_time_tokens.reset_password(db, Secret(wrong), NEW)
    assert not one_time_tokens.change_email(db, Secret(wrong))


def test_a_lifetime_is_bounded(db: Database, user_id: int) -> None:
    longest = one_time_tokens.LONGEST_LIFETIME
    one_time_tokens.create(db, user_id, "activation", lifetime=longest)

    with pytest.raises(ParameterError, match="at most 3 days"):
        one_time_tokens.create(db, user_id, "activation", lifetime=longest + timedelta(seconds=1))
