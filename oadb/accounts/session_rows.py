"""Sessions as they are stored and read."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from oadb.accounts.user_rows import Assurance
from oadb.security.refusals import Accepted
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind

TOKEN = TokenKind("oas", SealedColumn("sessions", "fingerprint"))


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


_columns = attrgetter(*(column.name for column in fields(Session)))


@dataclass(frozen=True, slots=True)
class FoundSession(Session):
    """The session that a digest leads to, before its token is verified.

    Its times are by the clock of the database.

    Attributes:
        age: The time since ``authenticated_at``.
        seen_at: Now, if it must be noted that the session was seen; None: it was, within a minute.
        lapses_at: When the session ends unless it is seen again.
    """

    fingerprint: bytes = field(repr=False)
    age: timedelta
    seen_at: datetime | None
    lapses_at: datetime

    @property
    def row(self) -> tuple[int, UUID]:
        """Its primary key."""
        return self.user_id, self.session_id

    @property
    def session(self) -> Session:
        """The session alone."""
        return Session(*_columns(self))


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session and its token, which cannot be read again later."""

    token: Secret
    session: Session
