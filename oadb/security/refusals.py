"""Why a credential is not accepted: different answers, none of them an exception."""

from enum import Enum
from typing import Protocol, TypeVar


class Refusal(Enum):
    """The reason. A database that did not answer is no refusal: it raises UnavailableError."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    """It is right, and what it leads to is switched off."""


class Judged(Protocol):
    """What a credential leads to."""

    @property
    def is_revoked(self) -> bool:
        """Whether it was ended."""
        ...

    @property
    def is_expired(self) -> bool:
        """Whether it has run out, by the database's clock."""
        ...


T = TypeVar("T", bound=Judged)


def usable(found: T | None) -> T | Refusal:
    """Return what was found, or why it cannot be used; a revocation comes before an expiry."""
    if found is None:
        return Refusal.UNKNOWN
    if found.is_revoked:
        return Refusal.REVOKED
    return Refusal.EXPIRED if found.is_expired else found
