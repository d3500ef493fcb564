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
    INACTIVE = "inactive"
    """The credential is valid, but its object, such as a strategy, is switched off."""

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


T = TypeVar("T", bound=StoredCredential)


def usable(found: T | None) -> T | Refusal:
    """Return the row, or the refusal; one that is revoked and expired is REVOKED."""
    if found is None:
        return Refusal.UNKNOWN
    if found.is_revoked:
        return Refusal.REVOKED
    return Refusal.EXPIRED if found.is_expired else found
