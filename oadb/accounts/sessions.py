"""Sessions: sign-ins that are still valid.

A session is found by its token, of which the database has only a keyed digest. It ends when it is
ended, when it was not used for its idle timeout, and at its absolute expiry, by the database's
clock. No function returns a session that has ended or expired.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from oadb.accounts.due_rows import Swept, delete_due
from oadb.accounts.session_rows import TOKEN, FoundSession, NewSession, Session
from oadb.accounts.user_rows import Assurance, SignedInUser
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import NoRowError, ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.validation.argument_rules import Duration, Ip, Positive
from oadb.validation.said_texts import without_secrets

__all__ = [
    "LONGEST_DEVICE", "MOST_SESSIONS", "SHORTEST_IDLE_TIMEOUT", "NewSession", "Session",
    "create", "delete_expired", "end", "end_all", "end_by_token", "get", "list_by_user",
    "set_data", "verify",
]  # fmt: skip  # a list

query = queries(__name__)

MOST_SESSIONS = 5
"""Sessions that a user may have at once by default."""

SHORTEST_IDLE_TIMEOUT = timedelta(minutes=2)
"""The shortest idle timeout of a session."""

LONGEST_DEVICE = 500
"""Characters of a device's description; the rest is cut off."""


@query
def _claim_user(user_id: int, auth_epoch: int) -> int | None: ...


@query
def _insert_session(
    user_id: int,
    session_id: UUID,
    token_digest: bytes,
    fingerprint: bytes,
    device: str | None,
    ip: str | None,
    broker: str | None,
    data: dict[str, object],
    assurance: Assurance,
    idle_timeout: timedelta,
    lifetime: timedelta,
) -> Session: ...


@query
def _trim(user_id: int, session_id: UUID, most: Positive) -> Affected: ...


@query
def _find_by_digest(
    token_digest: bytes, user_id: int | None = None, others: list[bytes] | None = None
) -> FoundSession | None: ...


@query
def _note_seen(
    user_id: int, session_id: UUID, seen_at: datetime, lapses_at: datetime
) -> Affected: ...


@query
def get(user_id: int, session_id: UUID) -> Session | None:
    """Return a session of a user; None if it ended, expired or never existed."""
    ...


@query
def list_by_user(user_id: int, *, cursor: str | None = None, limit: Limit = 100) -> Page[Session]:
    """List the sessions of a user that are still valid, newest first."""
    ...


@query
def _set_data(user_id: int, session_id: UUID, data: dict[str, object]) -> Affected: ...


@query
def _end(user_id: int, session_id: UUID) -> Affected: ...


@query
def _end_all(user_id: int, keep: UUID | None) -> Affected: ...


@query
def _sweep(batch: Positive) -> Swept: ...


@query
def _reseal(
    user_ids: list[int],
    session_ids: list[str],
    replaced: list[bytes],
    fingerprints: list[bytes],
    digests: list[bytes],
) -> Affected: ...


query.complete()

SEALED = SealedTable("sessions", rotation.token_and_columns(TOKEN), _reseal)


@operation
@proof.seals
async def create(
    db: AsyncExecutor,
    account: SignedInUser,
    *,
    device: str | None = None,
    ip: Ip | None = None,
    broker: str | None = None,
    data: dict[str, object] | None = None,
    idle_timeout: Duration = timedelta(hours=2),
    lifetime: Duration = timedelta(hours=12),
    most: Positive = MOST_SESSIONS,
) -> NewSession:
    """Create a session. If the user has more than *most* then, the oldest end.

    Args:
        account: the user that ``login_attempts.sign_in`` returned.
        device: a description, cut to LONGEST_DEVICE characters.
        broker: 1 to 50 characters.
        data: a JSON object without secrets.
        idle_timeout: at least 2 minutes.
        lifetime: above 0; the expiry is never moved.

    Returns:
        The session and its token, which cannot be read again.

    Raises:
        NoRowError: the user was deleted, was disabled or has a new password: sign in again.
        ParameterError: an invalid address, or a value out of range.
        KeyRingError: the key ring does not fit the database.
    """
    _require_long_enough(idle_timeout)
    ring, user_id, session_id = await proof.ring_of(db), account.user_id, uuid4()
    token = TOKEN.new(user_id)
    stored = TOKEN.store(ring, (user_id, session_id), token)

    @transacted
    async def work(tx: AsyncExecutor) -> Session:
        await claim(tx, "sessions.create", account)
        session = await _insert_session(
            tx,
            user_id,
            session_id,
            stored.digest,
            stored.fingerprint,
            without_secrets(device, LONGEST_DEVICE) if device else None,
            ip,
            broker,
            data or {},
            account.assurance,
            idle_timeout,
            lifetime,
        )
        trimmed = await _trim(tx, user_id, session_id, most)
        await announcements.announce(tx, trimmed, Change("sessions", user_id, ""))
        return session

    return NewSession(token, await work(db))


async def claim(tx: AsyncExecutor, label: str, account: SignedInUser) -> None:
    """Lock the row of a user who has signed in, until the transaction ends.

    Raises:
        NoRowError: the user was deleted, was disabled or has a new password.
    """
    if await _claim_user(tx, account.user_id, account.auth_epoch) is None:
        said = f"user {account.user_id} was deleted, disabled or has a new password; sign in again"
        raise NoRowError(f"{label}: {said}")


def _require_long_enough(idle_timeout: timedelta) -> None:
    if idle_timeout < SHORTEST_IDLE_TIMEOUT:
        said = "must be at least 2 minutes, because last_seen_at is accurate to a minute"
        raise ParameterError(f"sessions.create: idle_timeout {said}")


@operation
async def verify(
    db: AsyncExecutor,
    token: Secret,
    *,
    at_least: Assurance = 1,
    max_age: Duration | None = None,
) -> Session | Refusal:
    """Verify the token of a session: one statement, which only reads.

    A malformed token costs none. That the session was seen is noted apart, once a minute, without
    making the caller wait; also if *db* is a transaction that is rolled back.

    Args:
        at_least: 2: the user has proven a second factor.
        max_age: the time since the user last proved who it is; None: of any age.

    Returns:
        The session, or the refusal: UNKNOWN, it ended, expired or never existed; TOO_WEAK, it is
        valid, but not *at_least* or older than *max_age*.

    Raises:
        KeyRingError: the key ring lacks a key that the database needs.
        UnavailableError: the database did not answer.
    """
    found = await proof.find_by_token(db, TOKEN, token, _find_by_digest)
    if found is None:
        return Refusal.UNKNOWN
    if found.seen_at is not None:
        db.note(_note_seen, (*found.row, found.seen_at, found.lapses_at), key=found.row)
    is_old = max_age is not None and found.age > max_age
    return Refusal.TOO_WEAK if is_old or found.assurance < at_least else found.session


@operation
async def set_data(
    db: AsyncExecutor, user_id: int, session_id: UUID, data: dict[str, object]
) -> bool:
    """Replace the data of a session, and announce it.

    Returns:
        False if the user has no such session, or it has ended.
    """
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _set_data, user_id, session_id, data) > 0


@operation
async def end(db: AsyncExecutor, user_id: int, session_id: UUID) -> bool:
    """End a session at once, and announce it.

    Returns:
        False if the user has no such session.
    """
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _end, user_id, session_id) > 0


@operation
async def end_by_token(db: AsyncExecutor, token: Secret) -> bool:
    """End the session of a token at once, as at a logout, and announce it.

    Returns:
        False if there is no such session.

    Raises:
        KeyRingError: the key ring lacks a key that the database needs.
    """
    found = await proof.find_by_token(db, TOKEN, token, _find_by_digest)
    return False if found is None else await end(db, found.user_id, found.session_id)


@operation
async def end_all(db: AsyncExecutor, user_id: int, *, keep: UUID | None = None) -> int:
    """End all sessions of a user, and announce it.

    Args:
        keep: the id of one session that does not end.

    Returns:
        The number of sessions ended.
    """
    return await announcements.write(db, Change("sessions", user_id, ""), _end_all, user_id, keep)


@operation
async def delete_expired(db: AsyncExecutor, *, batch: Positive = 1000) -> int:
    """Delete at most *batch* sessions that have expired.

    Returns:
        The number deleted; 0 beside another call.

    Raises:
        LockNotAvailable: another transaction holds one of them; the next call deletes it.
    """
    return await delete_due(db, _sweep, batch)
