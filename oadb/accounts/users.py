"""Users: who can sign in, and their passwords."""

from dataclasses import fields, replace
from operator import attrgetter
from uuid import UUID

from oadb.accounts import disabling, sealed_passwords, sessions, stored_passwords
from oadb.accounts.user_rows import Assurance, SignedInUser, Updated, User
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import NoRowError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.secret import Secret
from oadb.validation.argument_rules import Positive

__all__ = [
    "SignedInUser", "User", "count", "create", "delete", "disable", "enable", "estimate_count",
    "find_by_email", "find_by_username", "get", "list_all", "set_password", "set_username",
    "update", "verify_password",
]  # fmt: skip  # a list

query = queries(__name__)

_columns = attrgetter(*(column.name for column in fields(User)))


@query
def get(user_id: int) -> User | None:
    """Return a user; None if there is none with this id."""
    ...


@query
def find_by_username(username: str) -> User | None:
    """Return the user with a name, in any letter case; None if there is none."""
    ...


@query
def find_by_email(email: str) -> User | None:
    """Return the user with an address, in any letter case; None if there is none."""
    ...


@query
def list_all(*, cursor: str | None = None, limit: Limit = 100) -> Page[User]:
    """List all users in the order of their ids."""
    ...


@query
def count() -> int:
    """Count all users: exactly, but reads all of them; ``estimate_count`` does not."""
    ...


@query
def estimate_count(*, exact: Positive = 10_000) -> int:
    """Count users up to *exact*; of more, return what the server knew at its last analyze."""
    ...


@query
def _create(
    username: str, email: str, first_name: str | None, last_name: str | None, is_admin: bool
) -> User: ...


@query
def _update(
    user_id: int,
    *,
    email: str | Unset = UNSET,
    first_name: str | Unset | None = UNSET,
    last_name: str | Unset | None = UNSET,
) -> Updated | None: ...


@query
def _set_admin(user_id: int, is_admin: bool) -> Affected: ...


@query
def _set_username(user_id: int, username: str) -> bool | None: ...


@query
def _delete(user_id: int) -> Affected: ...


@query
def _reseal(
    user_ids: list[int], replaced: list[bytes], password_hashes: list[bytes]
) -> Affected: ...


query.complete()

SEALED = SealedTable("users", rotation.columns(sealed_passwords.HASH), _reseal)


@operation
async def create(
    db: AsyncExecutor,
    username: str,
    email: str,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    is_admin: bool = False,
) -> User:
    """Create a user, who has no password yet, and announce it.

    Args:
        username: 1 to 80 letters, digits, dots, underscores, hyphens and @; no other user may have
            it in any letter case.
        email: at most 254 characters; no other user may have it in any letter case.
        first_name: 1 to 200 characters, as *last_name*.

    Returns:
        The user.

    Raises:
        ConflictError: the name or the address is taken.
        ParameterError: a value out of range.
    """
    given = (username, email, first_name, last_name, is_admin)
    return await announcements.create(
        db, lambda user: Change("users", user.user_id, ""), _create, *given
    )


@operation
@transacted
async def update(
    tx: AsyncExecutor,
    user_id: int,
    *,
    email: str | Unset = UNSET,
    first_name: str | Unset | None = UNSET,
    last_name: str | Unset | None = UNSET,
    is_admin: bool | Unset = UNSET,
    keep: UUID | None = None,
) -> bool:
    """Change the given fields of a user, and announce it. With another address, sessions end.

    Args:
        keep: the id of one session that does not end.

    Returns:
        Whether any field changed.

    Raises:
        NoRowError: there is no such user.
        InsufficientPrivilege: *is_admin* is given under an identity (psycopg).
        ConflictError: the address is taken.
        ParameterError: a value out of range; see ``create``.
    """
    found = await _update(tx, user_id, email=email, first_name=first_name, last_name=last_name)
    changed = None if found is None else found.is_changed
    if found and is_admin is not UNSET:
        changed = await _set_admin(tx, user_id, is_admin) > 0 or changed
    if found and found.is_email_changed:
        await sessions.end_all(tx, user_id, keep=keep)
    return await _announce(tx, "update", user_id, changed)


@operation
@transacted
async def set_username(tx: AsyncExecutor, user_id: int, username: str) -> bool:
    """Rename a user, and announce it. Sessions and keys stay valid.

    Returns:
        Whether the name changed.

    Raises:
        NoRowError: there is no such user.
        ConflictError: the name is taken.
        ParameterError: a name not of 1 to 80 characters.
    """
    return await _announce(tx, "set_username", user_id, await _set_username(tx, user_id, username))


@operation
@proof.seals
async def set_password(
    db: AsyncExecutor, user_id: int, password: Secret, *, keep: UUID | None = None
) -> None:
    """Set a user's password, and end the user's sessions in the same transaction.

    Takes about 0.1 s, during which no connection is held unless *db* is a transaction.

    Args:
        password: 8 to 1024 bytes of UTF-8; not a common one, nor one with the name of the user, or
            what is before the @ of the address, in it, nor one that ``Config.breached`` knows.
        keep: the id of one session that does not end.

    Raises:
        NoRowError: there is no such user.
        ParameterError: another password, or one that is not valid UTF-8.
        UnavailableError: ``Config.breached`` failed, or the database did not answer.
        BusyError: all capacity for hashing is in use.
        KeyRingError: the key ring does not fit the database.
    """
    user = await get(db, user_id)
    if user is None:
        raise NoRowError(f"users.set_password: there is no user {user_id}")
    sealed = await sealed_passwords.hashed_new(db, "users.set_password", user, password)
    if not await stored_passwords.replace(db, user_id, sealed, keep=keep):
        raise NoRowError(f"users.set_password: there is no user {user_id}")


@operation
async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User | None:
    """Verify a user's name and password. For a sign-in, call ``login_attempts.sign_in`` instead.

    Unlike that, it neither limits guessing nor asks for a second factor, and no session can be made
    of its result. The errors say nothing about the password.

    Returns:
        The user; None for an unknown name, a user without a password, a wrong password, or one
        that changed meanwhile. The first three take the same time.

    Raises:
        BusyError: all capacity for hashing is in use.
        UnavailableError: the database did not answer.
        KeyRingError: the key ring does not fit the database.
    """
    found = await stored_passwords.check(db, username, password)
    return None if found is None else User(*_columns(found))


@operation
@transacted
async def disable(tx: AsyncExecutor, user_id: int, *, by: int | None) -> bool:
    """Disable a user, end all sessions in the same transaction, and announce it.

    Until ``enable``, sign-ins fail as with a wrong password; API keys, broker tokens and webhooks
    of strategies are refused as INACTIVE. Nothing is deleted but the sessions.

    Args:
        by: the user who makes the change, for the audit; None: the platform.

    Returns:
        False if the user was disabled before.

    Raises:
        NoRowError: there is no such user, or no user *by*.
    """
    return await _announce(tx, "disable", user_id, await disabling.disable(tx, user_id, by))


@operation
@transacted
async def enable(tx: AsyncExecutor, user_id: int, *, by: int | None) -> bool:
    """Enable a disabled user, and announce it. Sessions that have ended stay so.

    Args:
        by: the user who makes the change, for the audit; None: the platform.

    Returns:
        False if the user was not disabled.

    Raises:
        NoRowError: there is no such user, or no user *by*.
    """
    return await _announce(tx, "enable", user_id, await disabling.enable(tx, user_id, by))


@operation
async def delete(db: AsyncExecutor, user_id: int) -> bool:
    """Delete a user with everything stored for it; audits stay, with its id.

    One change is announced: drop everything cached for this user.

    Returns:
        False if there is no such user.
    """
    return await announcements.write(db, Change("users", user_id, ""), _delete, user_id) > 0


def signed_in(user: User, *, assurance: Assurance) -> SignedInUser:
    """Return a user as one who has proven all that a sign-in requires."""
    return replace(SignedInUser(*_columns(user)), assurance=assurance)


async def _announce(tx: AsyncExecutor, what: str, user_id: int, changed: bool | None) -> bool:
    """Announce a change of a user; None: there is no such user."""
    if changed is None:
        raise NoRowError(f"users.{what}: there is no user {user_id}")
    await announcements.announce(tx, changed, Change("users", user_id, ""))
    return changed
