"""Second factors as they are stored and read, and the result of a code."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from oadb.errors import ParameterError
from oadb.security.secret import Secret

Purpose = Literal["login", "mcp", "password_reset"]
"""What a code can be required for."""


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A user's second factor: when it was enrolled and confirmed, what it is required for."""

    user_id: int
    is_required_for_login: bool
    is_required_for_mcp: bool
    is_required_for_password_reset: bool
    created_at: datetime
    confirmed_at: datetime | None
    recovery_codes_left: int

    def is_required_for(self, purpose: Purpose) -> bool:
        """Return whether a code is required; never before the factor was confirmed.

        Raises:
            ParameterError: another purpose, for which nothing was decided.
        """
        required = {
            "login": self.is_required_for_login,
            "mcp": self.is_required_for_mcp,
            "password_reset": self.is_required_for_password_reset,
        }
        if purpose not in required:
            raise ParameterError(
                "SecondFactor.is_required_for: purpose must be 'login', 'mcp' or 'password_reset'"
            )
        return self.confirmed_at is not None and required[purpose]


@dataclass(frozen=True, slots=True)
class NewSecondFactor:
    """The secret for an authenticator, and its URI for a QR code; neither can be read again."""

    secret: Secret
    uri: Secret


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """The sealed secret of a confirmed factor."""

    secret: bytes = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Codes that work once each in place of an authenticator; they cannot be read again."""

    codes: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class FoundFactor:
    """A second factor as stored, and the wait before the next try if this one is wrong.

    ``clock`` is the database's, in seconds since 1970.
    """

    user_id: int
    secret: bytes = field(repr=False)
    created_at: datetime
    is_confirmed: bool
    recovery_salt: bytes | None = field(repr=False)
    clock: int
    wait: timedelta


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """Whether a code is right, which is its truth in a condition, and the wait before the next try.

    ``was_verified`` is False if the code was not compared: during a wait, or without a factor.
    """

    is_right: bool
    wait: timedelta
    was_verified: bool

    def __bool__(self) -> bool:
        """Return whether the code is right."""
        return self.is_right
