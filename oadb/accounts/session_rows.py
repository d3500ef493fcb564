"""Sessions as they are stored and read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from oadb.accounts.user_rows import Assurance
from oadb.security.refusals import Accepted
from oadb.security.sealing import Row
from oadb.security.secret import Secret


@dataclass(frozen=True, slots=True)
class Session(Accepted):
    """A sign-in that is still valid. ``last_seen_at`` is accurate to a minute.

    ``authenticated_at`` is when its user last proved who it is, and ``assurance`` how.
    """

    user_id: int
    session_id: UUID
    device: str | None
    ip: str | None
    broker: str | None
    data: dict[str, object]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class FoundSession(Session):
    """The session that a digest leads to, before its token is verified.

    ``age`` is the time since ``authenticated_at``, by the clock of the database.
    """

    fingerprint: bytes = field(repr=False)
    age: timedelta

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.session_id


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session and its token, which cannot be read again later."""

    token: Secret
    session: Session
