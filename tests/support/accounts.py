"""Users for tests of accounts, and their API keys and sessions."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from oadb import Database, Secret
from oadb.accounts import api_keys, sessions, users
from oadb.accounts.api_keys import NewApiKey
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.user_rows import Assurance
from oadb.accounts.users import SignedInUser
from oadb.engine.executors import Executor
from oadb.security.refusals import Refusal
from tests.support.rig import Observer, eventually

PASSWORD, OTHER = Secret("correct horse"), Secret("another horse")

_numbers = count(1)


_THEN = datetime(2026, 1, 1, tzinfo=UTC)

NOBODY = SignedInUser(
    2**62, "nobody", "nobody@example.in", None, None, False, 0, _THEN, _THEN, None, 1
)
"""A user who does not exist."""


def new_user(db: Executor) -> int:
    """Create a user with a name that no other test has, and return its id."""
    number = next(_numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


def issue(db: Database, user_id: int, **given: Any) -> NewApiKey:
    """Create an API key with the order mode auto, unless another one is given."""
    return api_keys.create(db, user_id, "TradingView", **{"order_mode": "auto", **given})


def account(db: Executor, user_id: int, *, assurance: Assurance = 1) -> SignedInUser:
    """Return a user as one who has just signed in."""
    user = users.get(db, user_id)
    assert user is not None
    return users.signed_in(user, assurance=assurance)


def age_session(observer: Observer, session: Session, by: timedelta) -> None:
    """Move a session into the past, as if so much time had passed."""
    observer.rows(
        "update oadb.sessions set created_at = created_at - %s, last_seen_at = last_seen_at - %s, "
        "lapses_at = lapses_at - %s, sweep_at = sweep_at - %s, expires_at = expires_at - %s "
        "where session_id = %s",
        by,
        by,
        by,
        by,
        by,
        session.session_id,
    )


def noted(db: Database) -> None:
    """Wait until everything is written that nobody waits for, such as that a session was seen."""
    eventually(lambda: db.stats().notes_queued == 0)


def seen(db: Database, made: NewSession) -> Session | Refusal:
    """Verify the token of a session, and wait until it is noted that it was seen."""
    found = sessions.verify(db, made.token)
    noted(db)
    return found


def found_sessions(db: Database, *made: NewSession) -> list[bool]:
    """Return whether each session is found by its token."""
    return [bool(sessions.verify(db, each.token)) for each in made]
