"""API keys: what programs show to act for a user.

Each has a name, scopes and an order mode. A key is shown once, when it is issued; who has to see it
again (TradingView's webhooks carry it) keeps it sealed.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.refusals import Refusal, usable
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind, hint_of

query = queries(__name__)

# OpenAlgo's keys are 32 random bytes too, in hexadecimal digits.
TOKEN = TokenKind(
    "oak", SealedColumn("api_keys", "fingerprint"), re.compile("[0-9a-f]{64}", re.ASCII)
)
KEPT = SealedColumn("api_keys", "kept_token")

# auto: orders go to the broker; semi_auto: a person approves each.
OrderMode = Literal["auto", "semi_auto"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as its owner sees it in a list; ``hint`` shows its first and last characters."""

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
class IssuedKey:
    """A new key and its token, which is shown this once."""

    token: Secret
    key: ApiKey


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """A key that was shown and accepted: whose it is, and what it may do."""

    user_id: int
    api_key_id: UUID
    scopes: list[str]
    order_mode: OrderMode


@dataclass(frozen=True, slots=True)
class FoundKey(VerifiedKey):
    """What a digest leads to, before it is judged."""

    fingerprint: bytes = field(repr=False)
    is_revoked: bool
    is_expired: bool

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.api_key_id


@query
def _insert_key(
    user_id: int,
    api_key_id: UUID,
    name: str,
    hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    kept_token: bytes | None,
    scopes: list[str],
    order_mode: OrderMode,
    lifetime: timedelta | None,
) -> ApiKey: ...


@query
def _find_by_digest(token_digest: bytes) -> FoundKey | None: ...


@query
def _find_by_digests(token_digests: list[bytes]) -> FoundKey | None: ...


@query
def list_by_user(user_id: int) -> list[ApiKey]: ...


@query
def _get_kept_token(user_id: int, api_key_id: UUID) -> bytes | None: ...


@query
def get_order_mode(user_id: int, api_key_id: UUID) -> OrderMode | None: ...


@query
def _set_order_mode(user_id: int, api_key_id: UUID, order_mode: OrderMode) -> Affected: ...


@query
def _revoke(user_id: int, api_key_id: UUID) -> Affected: ...


@query
def _replace_token(
    user_id: int,
    api_key_id: UUID,
    hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    kept_token: bytes,
) -> Affected: ...


@query
def _reseal(
    user_ids: list[int],
    api_key_ids: list[str],
    replaced: list[bytes],
    fingerprints: list[bytes],
    digests: list[bytes],
    kept_tokens: list[bytes],
) -> Affected: ...


query.complete()

SEALED = SealedTable("api_keys", rotation.token_and_columns(TOKEN, KEPT), _reseal)


@operation
@proof.seals
async def issue(
    db: AsyncExecutor,
    user_id: int,
    name: str,
    *,
    order_mode: OrderMode,
    scopes: list[str] | None = None,
    lifetime: timedelta | None = None,
    keep: bool = False,
) -> IssuedKey:
    """Make a key. Its token is in the answer and, unless *keep*, nowhere else.

    *lifetime* is more than 0; None: it never expires. Raises ParameterError, and may raise
    ForeignKeyViolation (no such user) and CheckViolation.
    """
    if lifetime is not None and lifetime <= timedelta():
        raise ParameterError("api_keys.issue: lifetime must be more than 0")
    ring, token, api_key_id = await proof.ring_of(db), TOKEN.new(), uuid4()
    row = (user_id, api_key_id)
    stored = TOKEN.store(ring, row, token)
    kept = KEPT.seal(ring, row, token.reveal().encode()) if keep else None
    key = await _insert_key(
        db, user_id, api_key_id, name, hint_of(token), stored.digest, stored.fingerprint, kept,
        scopes or [], order_mode, lifetime,
    )  # fmt: skip
    return IssuedKey(token, key)


@operation
async def verify(db: AsyncExecutor, token: Secret) -> VerifiedKey | Refusal:
    """Say whose key this is, or why it is not accepted.

    One indexed lookup, however many keys there are; none for what cannot be a key of ours. Raises
    UnavailableError, and KeyRingError for want of a root key.
    """
    found = usable(await proof.find_by_token(db, TOKEN, token, _find_by_digest, _find_by_digests))
    if isinstance(found, Refusal):
        return found
    return VerifiedKey(found.user_id, found.api_key_id, found.scopes, found.order_mode)


@operation
async def reveal(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> Secret | None:
    """Return a key that its owner chose to keep; None if it was not, or is revoked or unknown.

    Raises SealError if what is stored was tampered with.
    """
    kept = await _get_kept_token(db, user_id, api_key_id)
    if kept is None:
        return None
    return Secret(KEPT.open(await proof.ring_of(db), (user_id, api_key_id), kept).decode())


@operation
async def revoke(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> bool:
    """End a key at once, in every process that listens; False if there is none to end."""
    change = _change(user_id, api_key_id)
    return await announcements.write(db, change, _revoke, user_id, api_key_id) > 0


@operation
@proof.seals
async def rotate(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> Secret | None:
    """Give a key a new token, which is returned; the old one ends at once.

    None, and nothing is changed, if there is no such key or it was revoked or has expired.
    """
    ring, token = await proof.ring_of(db), TOKEN.new()
    row: Row = (user_id, api_key_id)
    stored = TOKEN.store(ring, row, token)
    rotated = await announcements.write(
        db, _change(user_id, api_key_id), _replace_token, user_id, api_key_id, hint_of(token),
        stored.digest, stored.fingerprint, KEPT.seal(ring, row, token.reveal().encode()),
    )  # fmt: skip
    return token if rotated else None


@operation
async def set_order_mode(
    db: AsyncExecutor, user_id: int, api_key_id: UUID, order_mode: OrderMode
) -> bool:
    """Change how orders of a key go out, in every process that listens; False: no such key."""
    change = _change(user_id, api_key_id)
    return (
        await announcements.write(db, change, _set_order_mode, user_id, api_key_id, order_mode) > 0
    )


def _change(user_id: int, api_key_id: UUID) -> Change:
    return Change("api_keys", user_id, str(api_key_id))
