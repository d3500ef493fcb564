"""Refusals: why a credential is not accepted. They are values, not exceptions."""

from enum import Enum
from typing import Literal, Protocol, TypeVar


class Refusal(Enum):
    """The reason; false in a condition, because the answer to "may I?" is no.

    An unavailable database is not a reason: it raises UnavailableError.
    """

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    TOO_WEAK = "too_weak"
    """The session is valid, but what it is for needs a second factor, or a more recent proof."""
    INACTIVE = "inactive"
    """The credential is valid, but its strategy is switched off, or its user disabled."""

    def __bool__(self) -> Literal[False]:
        """Return False."""
        return False


class Accepted:
    """What a credential leads to if it is accepted; true in a condition, as no Refusal is."""

    __slots__ = ()

    def __bool__(self) -> Literal[True]:
        """Return True."""
        return True


class StoredCredential(Protocol):
    """The row of a credential."""

    @property
    def is_revoked(self) -> bool:
        """Whether it was revoked."""
        ...

    @property
    def is_expired(self) -> bool:
        """Whether it has expired, by the database's clock."""
        ...

    @property
    def is_disabled(self) -> bool:
        """Whether its user is disabled."""
        ...


T = TypeVar("T", bound=StoredCredential)


def usable(found: T | None) -> T | Refusal:
    """Return the row, or the first refusal: REVOKED, EXPIRED, INACTIVE."""
    if found is None:
        return Refusal.UNKNOWN
    if found.is_revoked:
        return Refusal.REVOKED
    if found.is_expired:
        return Refusal.EXPIRED
    return Refusal.INACTIVE if found.is_disabled else found
