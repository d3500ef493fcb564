"""Sessions as they are stored and read."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from oadb.security.refusals import Accepted
from oadb.security.sealing import Row
from oadb.security.secret import Secret


@dataclass(frozen=True, slots=True)
class Session(Accepted):
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
