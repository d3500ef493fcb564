"""API keys: the credentials of programs that act for a user.

Each has a name, scopes and an order mode. Its token is returned once, when it is created; a user
who needs to see it again, for instance for TradingView's webhooks, has it kept, sealed.
"""

from datetime import timedelta
from uuid import UUID, uuid4

from oadb.accounts import known_keys
from oadb.accounts.api_key_rows import (
    KEPT,
    TOKEN,
    ApiKey,
    FoundKey,
    KeptToken,
    NewApiKey,
    OrderMode,
    VerifiedKey,
)
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of
from oadb.validation import owners
from oadb.validation.argument_rules import Duration, Label

__all__ = [
    "ApiKey", "NewApiKey", "OrderMode", "VerifiedKey", "create", "get", "get_order_mode",
    "list_by_user", "open_current", "open_kept", "rename", "revoke", "rotate", "set_order_mode",
    "set_scopes", "verify",
]  # fmt: skip  # a list

query = queries(__name__)


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
def _find_by_digest(
    token_digest: bytes, user_id: int | None = None, others: list[bytes] | None = None
) -> FoundKey | None: ...


@query
def _find_known(user_id: int, api_key_id: UUID, fingerprint: bytes) -> VerifiedKey | None: ...


@query
def get(user_id: int, api_key_id: UUID) -> ApiKey | None:
    """Return a key of a user, also one that is revoked or expired; None if there is none."""
    ...


@query
def list_by_user(user_id: int, *, cursor: str | None = None, limit: Limit = 100) -> Page[ApiKey]:
    """List the keys of a user, newest first, including revoked and expired ones."""
    ...


@query
def _find_kept(user_id: int, api_key_id: UUID | None = None) -> KeptToken | None: ...


@query
def get_order_mode(user_id: int, api_key_id: UUID) -> OrderMode | None:
    """Return the order mode of a key; None if it, or its user, is not accepted: see ``verify``."""
    ...


@query
def _set_mode(user_id: int, api_key_id: UUID, order_mode: OrderMode) -> Affected: ...


@query
def _rename(user_id: int, api_key_id: UUID, name: str) -> Affected: ...


@query
def _set_scopes(user_id: int, api_key_id: UUID, scopes: list[str]) -> Affected: ...


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
@owners.required
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: Label,
    *,
    order_mode: OrderMode,
    scopes: list[str] | None = None,
    lifetime: Duration | None = None,
    keep_token: bool = False,
) -> NewApiKey:
    """Create a key for a user.

    Args:
        name: 1 to 100 characters, not blank.
        scopes: at most 50 texts, defined by the service; None: none.
        lifetime: None: the key does not expire.
        keep_token: store the token, sealed, so that ``open_kept`` can return it.

    Returns:
        The key and its token.

    Raises:
        NoRowError: there is no such user.
        ParameterError: a blank name, an unknown order mode, or a lifetime that is not above 0; or a
            value out of range.
        KeyRingError: the key ring does not fit the database.
    """
    ring, token, row = await proof.ring_of(db), TOKEN.new(user_id), (user_id, uuid4())
    stored = TOKEN.store(ring, row, token)
    kept = KEPT.seal(ring, row, token.reveal().encode()) if keep_token else None
    texts, proofs = (name, hint_of(token)), (stored.digest, stored.fingerprint)
    key = await _insert_key(db, *row, *texts, *proofs, kept, scopes or [], order_mode, lifetime)
    return NewApiKey(token, key)


@operation
async def verify(db: AsyncExecutor, token: Secret) -> VerifiedKey | Refusal:
    """Verify a token: one indexed lookup, however many keys there are; none if it is malformed.

    Wrong keys count towards a ban with ``trackers.track_bad_key``, uses are noted by ``key_uses``.

    Returns:
        The key, or the refusal: UNKNOWN, REVOKED, EXPIRED, or INACTIVE (the user is disabled).

    Raises:
        UnavailableError: the database did not answer.
        KeyRingError: the key ring lacks a key that the database needs.
    """
    return await known_keys.verify(db, token, _find_by_digest, _find_known)


@operation
async def open_kept(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> Secret | None:
    """Open the kept token of a key.

    Returns:
        The token; None if there is no such key, its token is not kept, it is revoked or expired,
        or the user is disabled.

    Raises:
        SealError: the stored token was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    return await _opened(db, user_id, await _find_kept(db, user_id, api_key_id))


@operation
async def open_current(db: AsyncExecutor, user_id: int) -> Secret | None:
    """Open the newest of the kept tokens of a user, to be shown where the user pastes it.

    Returns:
        The token; None if none is kept, or what ``open_kept`` says of each.

    Raises:
        SealError: the stored token was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    return await _opened(db, user_id, await _find_kept(db, user_id))


@operation
async def revoke(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> bool:
    """Revoke a key at once, and announce it. A kept token is deleted.

    Returns:
        False if the user has no such key, or it is already revoked.
    """
    change = _change(user_id, api_key_id)
    return await announcements.write(db, change, _revoke, user_id, api_key_id) > 0


@operation
@proof.seals
async def rotate(db: AsyncExecutor, user_id: int, api_key_id: UUID) -> Secret | None:
    """Replace the token of a key; the old one stops working at once.

    Returns:
        The new token, which is kept if the old one was; None if the user has no such key, or it is
        revoked or expired.

    Raises:
        KeyRingError: the key ring does not fit the database.
    """
    ring, token, row = await proof.ring_of(db), TOKEN.new(user_id), (user_id, api_key_id)
    stored, kept = TOKEN.store(ring, row, token), KEPT.seal(ring, row, token.reveal().encode())
    written = (*row, hint_of(token), stored.digest, stored.fingerprint, kept)
    rotated = await announcements.write(db, _change(*row), _replace_token, *written)
    return token if rotated else None


@operation
async def set_order_mode(
    db: AsyncExecutor, user_id: int, api_key_id: UUID, order_mode: OrderMode
) -> bool:
    """Set the order mode of a key, and announce it.

    Returns:
        False if the user has no such key, or it is revoked.
    """
    change = _change(user_id, api_key_id)
    return await announcements.write(db, change, _set_mode, user_id, api_key_id, order_mode) > 0


@operation
async def rename(db: AsyncExecutor, user_id: int, api_key_id: UUID, name: Label) -> bool:
    """Rename a key, also one that is revoked, and announce it.

    Returns:
        False if the user has no such key.

    Raises:
        ParameterError: a blank name; or a name of more than 100 characters.
    """
    change = _change(user_id, api_key_id)
    return await announcements.write(db, change, _rename, user_id, api_key_id, name) > 0


@operation
async def set_scopes(db: AsyncExecutor, user_id: int, api_key_id: UUID, scopes: list[str]) -> bool:
    """Replace the scopes of a key, and announce it.

    Args:
        scopes: at most 50 texts, defined by the service.

    Returns:
        False if the user has no such key, or it is revoked.

    Raises:
        ParameterError: too many scopes, or one that is too long.
    """
    change = _change(user_id, api_key_id)
    return await announcements.write(db, change, _set_scopes, user_id, api_key_id, scopes) > 0


async def _opened(db: AsyncExecutor, user_id: int, kept: KeptToken | None) -> Secret | None:
    if kept is None or kept.kept_token is None:
        return None
    row = (user_id, kept.api_key_id)
    return Secret(KEPT.open(await proof.ring_of(db), row, kept.kept_token).decode())


def _change(user_id: int, api_key_id: UUID) -> Change:
    return Change("api_keys", user_id, str(api_key_id))
