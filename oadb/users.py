"""Accounts: who can sign in. The SQL is in sql/queries/users.sql."""

from dataclasses import dataclass, field
from datetime import datetime

from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.engine.results import Affected
from oadb.security.passwords import Passwords

query = queries("users")
passwords = Passwords()


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in."""

    user_id: int
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    is_admin: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """What a password is verified against; None if the user has none."""

    user_id: int
    password_hash: str | None = field(repr=False)


@query
def get(user_id: int) -> User | None: ...


@query
def find_by_username(username: str) -> User | None: ...


@query
def find_by_email(email: str) -> User | None: ...


@query
def find_password(username: str) -> StoredPassword | None: ...


@query
def list_page(after: int = 0, page_size: int = 100) -> list[User]: ...


@query
def count_all() -> int: ...


@query
def create(
    username: str,
    email: str,
    first_name: str | None = None,
    last_name: str | None = None,
    is_admin: bool = False,
) -> User: ...


@query
def set_profile(
    user_id: int, email: str, first_name: str | None, last_name: str | None
) -> User | None: ...


@query
def store_password(user_id: int, password_hash: str) -> Affected: ...


@query
def upgrade_password(user_id: int, password_hash: str, replaced_hash: str) -> Affected: ...


@query
def delete(user_id: int) -> Affected: ...


query.complete()


@operation
async def set_password(db: AsyncExecutor, user_id: int, password: str) -> bool:
    """Set a user's password, 8 to 1024 bytes of UTF-8; False if there is no such user.

    Takes about 0.1 s, during which no connection is held unless *db* is a transaction. Raises
    ParameterError for an unfit password and BusyError if hashing is in full use.
    """
    password_hash = await db.offload(passwords.hash, password)
    return await store_password(db, user_id, password_hash) == 1


@operation
async def verify_password(db: AsyncExecutor, username: str, password: str) -> User | None:
    """Return the user whose name and password these are, or None.

    An unknown name, a user without a password and a wrong password give the same answer in the
    same time. A database that does not answer raises UnavailableError and full hashing capacity
    BusyError: neither says anything about the password.
    """
    stored = await find_password(db, username)
    known = stored.password_hash if stored is not None else None
    if not await db.offload(passwords.verify, known, password):
        return None
    assert stored is not None and known is not None  # noqa: S101, PT018  # nothing else verifies
    if passwords.is_outdated(known):
        renewed = await db.offload(passwords.hash, password)
        await upgrade_password(db, stored.user_id, renewed, known)
    return await get(db, stored.user_id)
