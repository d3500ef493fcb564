"""API keys as they are stored and read."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from oadb.security.refusals import Accepted
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind

# OpenAlgo's keys are 32 random bytes too, in hexadecimal digits.
TOKEN = TokenKind(
    "oak", SealedColumn("api_keys", "fingerprint"), re.compile("[0-9a-f]{64}", re.ASCII)
)
KEPT = SealedColumn("api_keys", "kept_token")

OrderMode = Literal["auto", "semi_auto"]
"""Auto: orders are sent to the broker; semi_auto: a person approves each one."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its token; ``hint`` has the token's first and last characters."""

    user_id: int
    api_key_id: UUID
    name: str
    hint: str
    scopes: list[str]
    order_mode: OrderMode
    is_kept: bool
    created_at: datetime
    rotated_at: datetime | None
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new key and its token, which cannot be read again later unless it is kept."""

    token: Secret
    key: ApiKey


@dataclass(frozen=True, slots=True)
class VerifiedKey(Accepted):
    """An accepted key: its user, and what it may do."""

    user_id: int
    api_key_id: UUID
    scopes: list[str]
    order_mode: OrderMode
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptToken:
    """The sealed token of a key that can be used."""

    api_key_id: UUID
    kept_token: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundKey(VerifiedKey):
    """The key that a digest leads to, before its token, state and expiry are checked."""

    fingerprint: bytes = field(repr=False)
    is_revoked: bool
    is_expired: bool
    is_disabled: bool

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.api_key_id

    @property
    def accepted(self) -> VerifiedKey:
        """The key alone."""
        key = self.user_id, self.api_key_id, self.scopes, self.order_mode, self.expires_at
        return VerifiedKey(*key)
