"""Users as they are now: what a session is made for."""

from dataclasses import dataclass

from oadb import Database
from oadb.accounts import users
from oadb.engine.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Nobody:
    """An account that does not exist."""

    user_id: int = 2**62
    auth_epoch: int = 0


def account(db: Database | Transaction, user_id: int) -> users.User:
    user = users.get(db, user_id)
    assert user is not None
    return user
