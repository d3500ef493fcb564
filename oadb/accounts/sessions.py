"""Sessions: sign-ins that are still valid.

A session is found by its token, of which the database has only a keyed digest. It ends when it is
ended, when it was not used for its idle timeout, and at its absolute expiry, by the database's
clock. No function returns a session that has ended or expired.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol
from uuid import UUID, uuid4

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import NoRowError, ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind
from oadb.validation.rules import Ip

query = queries(__name__)

TOKEN = TokenKind("oas", SealedColumn("sessions", "fingerprint"))

CAP = 5
"""Sessions that a user may have at once by default."""

LONGEST_DEVICE = 500
"""Characters of a device's description; the rest is cut off."""


class SessionOwner(Protocol):
    """The user of a new session, such as a User, as of the verification of the password."""

    @property
    def user_id(self) -> int:
        """The user's id."""
        ...

    @property
    def auth_epoch(self) -> int:
        """The epoch of the verified password."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that is still valid. ``last_seen_at`` is accurate to a minute."""

    user_id: int
    session_id: UUID
    device: str | None
    ip: str | None
    broker: str | None
    data: dict[str, object]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


_columns = attrgetter(*(column.name for column in fields(Session)))


@dataclass(frozen=True, slots=True)
class FoundSession(Session):
    """The session that a digest leads to, before its token is verified."""

    fingerprint: bytes = field(repr=False)

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.session_id


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session and its token, which cannot be read again later."""

    token: Secret
    session: Session


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
    idle_timeout: timedelta,
    lifetime: timedelta,
) -> Session: ...


@query
def _trim(user_id: int, session_id: UUID, cap: int) -> Affected: ...


@query
def _find_by_digest(token_digest: bytes) -> FoundSession | None: ...


@query
def _find_by_digests(token_digests: list[bytes]) -> FoundSession | None: ...


@query
def list_active(user_id: int) -> list[Session]: ...


@query
def _set_data(user_id: int, session_id: UUID, data: dict[str, object]) -> Affected: ...


@query
def _end(user_id: int, session_id: UUID) -> Affected: ...


@query
def _end_all(user_id: int) -> Affected: ...


@query
def _end_others(user_id: int, session_id: UUID) -> Affected: ...


@query
def sweep(batch: int = 1000) -> Affected: ...


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
    account: SessionOwner,
    *,
    device: str | None = None,
    ip: Ip | None = None,
    broker: str | None = None,
    data: dict[str, object] | None = None,
    idle_timeout: timedelta = timedelta(hours=2),
    lifetime: timedelta = timedelta(hours=12),
    cap: int = CAP,
) -> NewSession:
    """Create a session. If the user has more than *cap* then, the oldest end.

    Args:
        account: the user that ``login_attempts.sign_in`` or ``users.verify_password`` returned.
        device: a description, cut to LONGEST_DEVICE characters.
        broker: 1 to 50 characters.
        data: a JSON object without secrets.
        idle_timeout: at least 2 minutes.
        lifetime: above 0; the expiry is never moved.
        cap: at least 1.

    Returns:
        The session and its token, which cannot be read again.

    Raises:
        NoRowError: the user was deleted or has a new password: sign in again.
        ParameterError: an invalid address, or a time or cap out of range.
        CheckViolation: a value out of range (psycopg).
        KeyRingError: the key ring does not fit the database.
    """
    _require_times(idle_timeout, lifetime, cap)
    ring, user_id, session_id = await proof.ring_of(db), account.user_id, uuid4()
    token = TOKEN.new()
    stored = TOKEN.store(ring, (user_id, session_id), token)
    async with db.transaction() as tx:
        if await _claim_user(tx, user_id, account.auth_epoch) is None:
            raise NoRowError(
                f"sessions.create: user {user_id} was deleted or has a new password; sign in again"
            )
        session = await _insert_session(
            tx,
            user_id,
            session_id,
            stored.digest,
            stored.fingerprint,
            device[:LONGEST_DEVICE] if device else None,
            ip,
            broker,
            data or {},
            idle_timeout,
            lifetime,
        )
        trimmed = await _trim(tx, user_id, session_id, cap)
        await announcements.announce(tx, trimmed, Change("sessions", user_id, ""))
    return NewSession(token, session)


@operation
async def find(db: AsyncExecutor, token: Secret) -> Session | None:
    """Find the session of a token, and record that it was seen: one statement.

    A malformed token costs no statement.

    Returns:
        The session as it was before this call; None if it ended, expired or never existed.

    Raises:
        KeyRingError: the key ring lacks a key that the database needs.
        UnavailableError: the database did not answer.
    """
    found = await proof.find_by_token(db, TOKEN, token, _find_by_digest, _find_by_digests)
    return None if found is None else Session(*_columns(found))


@operation
async def set_data(
    db: AsyncExecutor, user_id: int, session_id: UUID, data: dict[str, object]
) -> int:
    """Replace the data of a session.

    Returns:
        The number of sessions changed, 0 or 1.
    """
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _set_data, user_id, session_id, data)


@operation
async def end(db: AsyncExecutor, user_id: int, session_id: UUID) -> int:
    """End a session at once, and announce it.

    Returns:
        The number of sessions ended, 0 or 1.
    """
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _end, user_id, session_id)


@operation
async def end_all(db: AsyncExecutor, user_id: int) -> int:
    """End all sessions of a user, and announce it.

    Returns:
        The number of sessions ended.
    """
    return await announcements.write(db, Change("sessions", user_id, ""), _end_all, user_id)


@operation
async def end_others(db: AsyncExecutor, user_id: int, session_id: UUID) -> int:
    """End all sessions of a user except one, and announce it.

    Returns:
        The number of sessions ended.
    """
    change = Change("sessions", user_id, "")
    return await announcements.write(db, change, _end_others, user_id, session_id)


def _require_times(idle_timeout: timedelta, lifetime: timedelta, cap: int) -> None:
    if idle_timeout < timedelta(minutes=2):
        raise ParameterError(
            f"sessions.create: idle_timeout is {idle_timeout}; at least 2 minutes are needed, "
            "because last_seen_at is accurate to a minute"
        )
    if lifetime <= timedelta() or cap < 1:
        raise ParameterError("sessions.create: lifetime must be above 0, and cap at least 1")
