"""Sessions: sign-ins that still count.

A session is found by its token, which only its owner has: the database keeps a keyed digest. It
ends when it is ended, when nobody used it for its idle timeout, and at its absolute expiry; the
database's clock decides. Ended and expired sessions are simply not there.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from oadb.security.addresses import address
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind

query = queries(__name__)

TOKEN = TokenKind("oas", SealedColumn("sessions", "fingerprint"))

CAP = 5
"""Sessions that a user may have at once, unless ``create`` is told otherwise."""

LONGEST_DEVICE = 500
"""Characters of a device's description; what is longer is cut."""

_MINUTE = timedelta(minutes=1)


class SessionOwner(Protocol):
    """Who a session is for: a user as he was when he proved who he is."""

    @property
    def user_id(self) -> int:
        """Return whose sessions these are."""
        ...

    @property
    def auth_epoch(self) -> int:
        """Return the epoch of the password that was proven."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that still counts. ``last_seen_at`` is kept to the minute."""

    user_id: int
    session_id: UUID
    device: str | None
    ip: str | None
    broker: str | None
    data: dict[str, object]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FoundSession(Session):
    """What a digest leads to, before it is judged."""

    fingerprint: bytes = field(repr=False)

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.session_id


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session and its token, which is shown this once."""

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
    ip: str | None = None,
    broker: str | None = None,
    data: dict[str, object] | None = None,
    idle_timeout: timedelta = timedelta(hours=2),
    lifetime: timedelta = timedelta(hours=12),
    cap: int = CAP,
) -> NewSession:
    """Begin a session; beyond *cap* of a user, the oldest ends.

    *account* is the user whom ``login_attempts.sign_in`` or ``users.verify_password`` returned.
    *idle_timeout* is at least 2 minutes, *lifetime* more than 0 and never extended. Raises
    NoRowError if the user is gone or has a new password since, and ParameterError.
    """
    _require_times(idle_timeout, lifetime, cap)
    ring, user_id, session_id = await proof.ring_of(db), account.user_id, uuid4()
    token = TOKEN.new()
    stored = TOKEN.store(ring, (user_id, session_id), token)
    async with db.transaction() as tx:
        if await _claim_user(tx, user_id, account.auth_epoch) is None:
            raise NoRowError(
                f"sessions.create: user {user_id} is gone or has a new password; sign in again"
            )
        session = await _insert_session(
            tx, user_id, session_id, stored.digest, stored.fingerprint,
            device[:LONGEST_DEVICE] or None if device else None,
            address("sessions.create", ip), broker, data or {}, idle_timeout, lifetime,
        )  # fmt: skip
        trimmed = await _trim(tx, user_id, session_id, cap)
        await announcements.announce(tx, trimmed, Change("sessions", user_id, ""))
    return NewSession(token, session)


@operation
async def find(db: AsyncExecutor, token: Secret) -> Session | None:
    """Return the session of a token and note that it was seen; None if there is none any more.

    One statement, and none for what cannot be a token of ours. Raises KeyRingError if the database
    has a root key that the ring lacks.
    """
    found = await proof.find_by_token(db, TOKEN, token, _find_by_digest, _find_by_digests)
    if found is None:
        return None
    return Session(
        found.user_id, found.session_id, found.device, found.ip, found.broker, found.data,
        found.created_at, found.last_seen_at, found.expires_at,
    )  # fmt: skip


@operation
async def set_data(
    db: AsyncExecutor, user_id: int, session_id: UUID, data: dict[str, object]
) -> int:
    """Replace what is kept with a session; return how many there were, 0 or 1."""
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _set_data, user_id, session_id, data)


@operation
async def end(db: AsyncExecutor, user_id: int, session_id: UUID) -> int:
    """End a session at once, in every process that listens; return how many there were, 0 or 1."""
    change = Change("sessions", user_id, str(session_id))
    return await announcements.write(db, change, _end, user_id, session_id)


@operation
async def end_all(db: AsyncExecutor, user_id: int) -> int:
    """End all sessions of a user; return how many there were."""
    return await announcements.write(db, Change("sessions", user_id, ""), _end_all, user_id)


@operation
async def end_others(db: AsyncExecutor, user_id: int, session_id: UUID) -> int:
    """End all sessions of a user but one; return how many there were."""
    change = Change("sessions", user_id, "")
    return await announcements.write(db, change, _end_others, user_id, session_id)


def _require_times(idle_timeout: timedelta, lifetime: timedelta, cap: int) -> None:
    if idle_timeout < 2 * _MINUTE:
        raise ParameterError(
            f"sessions.create: idle_timeout is {idle_timeout}; at least 2 minutes are needed, "
            "because last_seen_at is kept to the minute"
        )
    if lifetime <= timedelta() or cap < 1:
        raise ParameterError("sessions.create: lifetime must be more than 0, and cap at least 1")
