"""Users as they are stored and read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Assurance = Literal[1, 2]
"""What was proven: 1, a password or what an identity provider said; 2, a second factor as well."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in.

    ``auth_epoch`` rises with each new password; ``sessions.create`` compares it, so a sign-in with
    the old password gets no session. ``disabled_at`` is None unless the user is disabled.
    """

    user_id: int
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    is_admin: bool
    auth_epoch: int
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedInUser(User):
    """A user who has just proven all that a sign-in requires; see ``login_attempts.sign_in``."""

    assurance: Assurance = 1


@dataclass(frozen=True, slots=True)
class FoundUser(User):
    """A user, and whether a sign-in requires a code of the second factor as well."""

    is_code_required: bool


@dataclass(frozen=True, slots=True)
class Updated:
    """Whether an update changed a user, and whether its address."""

    is_changed: bool
    is_email_changed: bool


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """The sealed hash of a user's password, None if the user has none, and its epoch."""

    user_id: int
    password_hash: bytes | None = field(repr=False)
    auth_epoch: int
