"""Broker tokens: the credentials that brokers issue to act for a user."""

import json
from datetime import datetime
from typing import cast

from oadb.accounts.broker_token_rows import BrokerLogin, BrokerToken, FoundToken, Tokens
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.refusals import Refusal, usable
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.validation import owners
from oadb.validation.argument_rules import Duration, Positive

__all__ = [
    "BrokerLogin",
    "BrokerToken",
    "Tokens",
    "find_any_active",
    "list_active",
    "list_by_user",
    "list_expiring",
    "open",
    "open_current",
    "put",
    "retire_expired",
    "revoke",
]

query = queries(__name__)

_COLUMNS = tuple(
    SealedColumn("broker_tokens", name)
    for name in ("access_token", "refresh_token", "feed_token", "parameters")
)
_DIGEST = "digest/broker_tokens"

# The plaintexts of the sealed columns, in their order; None for null.
_Contents = tuple[bytes | None, bytes | None, bytes | None, bytes | None]


@query
def _put(
    user_id: int,
    broker: str,
    client_id: str | None,
    access_token: bytes | None,
    refresh_token: bytes | None,
    feed_token: bytes | None,
    parameters: bytes | None,
    content_digest: bytes,
    digests: list[bytes],
    expires_at: datetime | None,
) -> Affected: ...


@query
def find_sealed(user_id: int, broker: str | None = None) -> FoundToken | None: ...


@query
def list_by_user(user_id: int) -> list[BrokerLogin]:
    """List the logins of a user by broker, including revoked and expired ones."""
    ...


@query
def list_expiring(
    within: Duration, *, cursor: str | None = None, limit: Limit = 100
) -> Page[BrokerLogin]:
    """List the logins of all users that expire within a duration from now, soonest first."""
    ...


@query
def list_active(
    *,
    broker: str | None = None,
    oldest_first: bool = False,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[BrokerLogin]:
    """List the logins that can be used, of a broker or of all: the last one to change first."""
    ...


@query
def retire_expired(*, batch: Positive = 1000) -> Affected:
    """Note that at most *batch* tokens have expired, so that no list reads them; return how many.

    ``oadb maintain`` calls it. It does not change what any call returns.

    Raises:
        LockNotAvailable: another transaction holds one of them; the next call deletes it.
    """
    ...


@query
def find_any_active() -> BrokerLogin | None:
    """Return the oldest login of any user that can be used; None if there is none."""
    ...


@query
def _revoke(user_id: int, broker: str) -> Affected: ...


@query
def _reseal(
    user_ids: list[int],
    brokers: list[str],
    replaced: list[bytes],
    access_tokens: list[bytes],
    refresh_tokens: list[bytes],
    feed_tokens: list[bytes],
    parameters: list[bytes],
    digests: list[bytes],
) -> Affected: ...


query.complete()


@operation
@proof.seals
@owners.required
async def put(
    db: AsyncExecutor,
    user_id: int,
    broker: str,
    tokens: Tokens,
    *,
    client_id: str | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Insert or replace the tokens of a user and broker. Only a difference is announced.

    Args:
        broker: 1 to 50 of a-z, 0-9 and _.
        client_id: the broker's name for the user, 1 to 255 characters.
        expires_at: with a time zone; None: unknown.

    Returns:
        Whether anything changed; if not, a connection to the broker can stay open.

    Raises:
        NoRowError: there is no such user.
        ParameterError: a value out of range.
        KeyRingError: the key ring does not fit the database.
    """
    sealed, digests = stored(await proof.ring_of(db), (user_id, broker), tokens)
    changed = await announcements.write(
        db,
        Change("broker_tokens", user_id, broker),
        _put,
        user_id,
        broker,
        client_id,
        *sealed,
        digests[0],
        digests,
        expires_at,
    )
    return changed > 0


@operation
async def open(  # noqa: A001  # called as broker_tokens.open
    db: AsyncExecutor, user_id: int, broker: str
) -> BrokerToken | Refusal:
    """Open the tokens of a user and broker.

    Returns:
        The tokens, or the refusal: UNKNOWN, REVOKED, EXPIRED, or INACTIVE (the user is disabled).

    Raises:
        SealError: a stored value was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    return await opened(db, await find_sealed(db, user_id, broker))


@operation
async def open_current(db: AsyncExecutor, user_id: int) -> BrokerToken | Refusal:
    """Open the tokens of a user's current login, at any broker: the newest that can be used.

    Returns:
        The tokens; if none can be used, the refusal of the newest: REVOKED, EXPIRED or INACTIVE, or
        UNKNOWN if the user never had any.

    Raises:
        SealError: a stored value was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    return await opened(db, await find_sealed(db, user_id))


@operation
async def revoke(db: AsyncExecutor, user_id: int, broker: str) -> bool:
    """Delete the tokens of a user and broker, and announce it.

    Returns:
        False if there are none.
    """
    change = Change("broker_tokens", user_id, broker)
    return await announcements.write(db, change, _revoke, user_id, broker) > 0


def stored(ring: KeyRing, row: Row, tokens: Tokens) -> tuple[_Contents, list[bytes]]:
    """Return the sealed values of *tokens*, and their digest under each usable key.

    Equal tokens of the same row have equal digests, which detect changes.
    """
    return _sealed(ring, row, _contents(tokens))


async def opened(db: AsyncExecutor, stored: FoundToken | None) -> BrokerToken | Refusal:
    """Open the tokens of a row as it is stored, or say why they cannot be used; see ``open``."""
    found = usable(stored)
    if isinstance(found, Refusal):
        return found
    row = found.user_id, found.broker
    sealed = (found.access_token, found.refresh_token, found.feed_token, found.parameters)
    tokens = _tokens(_opened(await proof.ring_of(db), row, sealed))
    return BrokerToken(*row, found.client_id, tokens, found.updated_at, found.expires_at)


def _contents(tokens: Tokens) -> _Contents:
    """Return the plaintexts to seal; they are equal for equal tokens."""
    parameters = {name: value.reveal() for name, value in sorted(tokens.parameters.items())}
    # Not escaped: two escaped surrogates would be read back as one character.
    document = Secret(json.dumps(parameters, ensure_ascii=False)) if parameters else None
    return _text(tokens.access), _text(tokens.refresh), _text(tokens.feed), _text(document)


def _text(secret: Secret | None) -> bytes | None:
    return None if secret is None else secret.reveal().encode(errors="surrogatepass")


def _tokens(contents: _Contents) -> Tokens:
    access, refresh, feed = (_secret(each) for each in contents[:3])
    assert access is not None  # noqa: S101  # a check of the table: only a revoked row has none
    given = cast("dict[str, str]", json.loads(contents[3] or "{}"))
    return Tokens(access, refresh, feed, {name: Secret(value) for name, value in given.items()})


def _secret(content: bytes | None) -> Secret | None:
    return None if content is None else Secret(content.decode(errors="surrogatepass"))


def _sealed(ring: KeyRing, row: Row, contents: _Contents) -> tuple[_Contents, list[bytes]]:
    """Seal *contents*; see ``stored``.

    No caller has a plaintext in a variable meanwhile, which an error report could show.
    """
    pairs = zip(_COLUMNS, contents, strict=True)
    sealed = (None if part is None else column.seal(ring, row, part) for column, part in pairs)
    parts = [None if part is None else part.decode("latin-1") for part in contents]
    digests = ring.digests(_DIGEST, json.dumps([*map(str, row), *parts]).encode())
    return cast("_Contents", tuple(sealed)), digests


def _opened(ring: KeyRing, row: Row, sealed: _Contents) -> _Contents:
    pairs = zip(_COLUMNS, sealed, strict=True)
    opened = (None if value is None else column.open(ring, row, value) for column, value in pairs)
    return cast("_Contents", tuple(opened))


def _resealed(ring: KeyRing, row: Row, sealed: list[bytes]) -> list[bytes]:
    found = cast("_Contents", tuple(value or None for value in sealed))
    again, digests = _sealed(ring, row, _opened(ring, row, found))
    return [*(value or b"" for value in again), digests[0]]


SEALED = SealedTable("broker_tokens", _resealed, _reseal)
