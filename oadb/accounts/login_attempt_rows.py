"""Login attempts as they are stored and read, and the result of a sign-in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from oadb.accounts.second_factor_rows import CodeCheck
from oadb.accounts.user_rows import SignedInUser
from oadb.engine.binding.sendable_texts import UNREADABLE, readable
from oadb.security.addresses import networks
from oadb.security.secret import Secret
from oadb.validation.said_texts import described, explained

LONGEST_NAME, LONGEST_DEVICE, LONGEST_BROKER, LONGEST_REASON = 254, 500, 50, 500
"""Characters that the audit can store."""

LoginMethod = Literal["password", "oauth", "resume", "code"]
"""What was verified; code: the second factor, after a right password."""

LoginOutcome = Literal["succeeded", "failed", "locked", "unverified", "resumed", "code_needed"]
"""How an attempt ended.

locked: nothing was verified, because the account or the network has to wait; unverified: an error
prevented the verification; code_needed: the password was right, and a code was missing.
"""

AuditEntry = tuple[LoginMethod, LoginOutcome, str | None]
"""Method, outcome and reason of an attempt."""


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """An attempt to sign in, as the audit has it. ``user_id`` is None for an unknown name.

    Attempts of a client that has to wait, with the outcome locked, are one row an hour: the first
    of them, the number of ``tries`` and the time of the last one. If its network has to wait, they
    may name other accounts. All other rows are one try.
    """

    attempt_id: int
    attempted_at: datetime
    username: str
    user_id: int | None
    ip: str | None
    device: str | None
    broker: str | None
    method: LoginMethod
    outcome: LoginOutcome
    reason: str | None
    tries: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of a sign-in; true in a condition if it succeeded.

    Attributes:
        user: The user, for ``sessions.create``; None until all that is required is proven. Without
            a user, and without *needs_code*, the name or the password is wrong, or the user is
            disabled.
        wait: The time before the next try; during a wait nothing is verified.
        needs_code: The password is right; call again with a code of the second factor, another one
            if this call had one.
        device_token: The token of a device that is known from now on, for the client to keep; None
            if none was asked for, or the token that was given stays valid.
    """

    user: SignedInUser | None
    wait: timedelta
    needs_code: bool = False
    device_token: Secret | None = None

    def __bool__(self) -> bool:
        """Return whether the sign-in succeeded."""
        return self.user is not None


@dataclass(frozen=True, slots=True)
class LoginClient:
    """The account name and origin of a sign-in, cut to what the audit can store.

    ``networks`` are those that the client may have to itself, the narrowest first.
    """

    name: str
    networks: list[str]
    ip: str | None
    device: str | None
    broker: str | None

    @classmethod
    def of(cls, username: str, ip: str, device: str | None, broker: str | None) -> Self:
        """Return the client of a sign-in, from what it says of itself."""
        return cls(
            readable(username, LONGEST_NAME) or UNREADABLE,
            networks(ip),
            ip,
            described(device, LONGEST_DEVICE) if device else None,
            readable_broker(broker),
        )


def readable_broker(broker: str | None) -> str | None:
    """Return the name of a broker as the audit can store it."""
    return described(broker, LONGEST_BROKER) or None if broker else None


def readable_reason(reason: str) -> str:
    """Return the template of a reason as the audit can store it."""
    return explained(reason, LONGEST_REASON) or UNREADABLE


def code_outcome(checked: CodeCheck, method: LoginMethod, *, has_code: bool) -> AuditEntry:
    """Return what the audit says of a sign-in whose code is missing or wrong."""
    if not has_code:
        return method, "code_needed", None
    return "code", "failed" if checked.was_verified else "locked", None
