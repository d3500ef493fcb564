"""Broker tokens: what brokers gave us to act for users."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import ValueType, mismatch
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.refusals import Refusal, usable
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret

query = queries(__name__)

_COLUMNS = tuple(
    SealedColumn("broker_tokens", name)
    for name in ("access_token", "refresh_token", "feed_token", "parameters")
)
_DIGEST = "digest/broker_tokens"

# The plaintexts of the sealed columns, in their order; None where there is none.
_Contents = tuple[bytes | None, bytes | None, bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a broker gave us. ``parameters`` is what else it needs, by name."""

    access: Secret
    refresh: Secret | None = None
    feed: Secret | None = None
    parameters: dict[str, Secret] = field(default_factory=dict[str, Secret])

    def __post_init__(self) -> None:
        """Refuse what is no Secret, by a ParameterError that does not show it."""
        given: list[tuple[str, object]] = [("access", self.access)]
        given += [("parameters", each) for each in self.parameters.values()]
        optional = (("refresh", self.refresh), ("feed", self.feed))
        for name, value in (*given, *(each for each in optional if each[1] is not None)):
            if not isinstance(value, Secret):
                raise mismatch("Tokens", name, ValueType(Secret), value)


@dataclass(frozen=True, slots=True)
class BrokerToken:
    """Tokens that can be used now."""

    user_id: int
    broker: str
    client_id: str | None
    tokens: Tokens
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """That a user has, or had, tokens of a broker."""

    user_id: int
    broker: str
    client_id: str | None
    updated_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A row as it is stored, before it is judged and opened."""

    user_id: int
    broker: str
    client_id: str | None
    access_token: bytes | None = field(repr=False)
    refresh_token: bytes | None = field(repr=False)
    feed_token: bytes | None = field(repr=False)
    parameters: bytes | None = field(repr=False)
    updated_at: datetime
    expires_at: datetime | None
    is_revoked: bool
    is_expired: bool


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
def find(user_id: int, broker: str) -> FoundToken | None: ...


@query
def _find_current(user_id: int) -> FoundToken | None: ...


@query
def list_by_user(user_id: int) -> list[BrokerLogin]: ...


@query
def list_expiring(within: timedelta) -> list[BrokerLogin]: ...


@query
def first_active() -> BrokerLogin | None: ...


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
async def put(
    db: AsyncExecutor,
    user_id: int,
    broker: str,
    tokens: Tokens,
    *,
    client_id: str | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Insert or replace the tokens of a user and broker; say whether anything changed.

    Only then do listeners hear of it, so that a broker's connection is not torn down for nothing.
    May raise ForeignKeyViolation (no such user) and CheckViolation.
    """
    sealed, digests = stored(await proof.ring_of(db), (user_id, broker), tokens)
    changed = await announcements.write(
        db, Change("broker_tokens", user_id, broker), _put, user_id, broker, client_id, *sealed,
        digests[0], digests, expires_at,
    )  # fmt: skip
    return changed > 0


@operation
async def get(db: AsyncExecutor, user_id: int, broker: str) -> BrokerToken | Refusal:
    """Return the tokens of a user and broker, or why there are none to use.

    Raises SealError if what is stored was tampered with.
    """
    return await _judged(db, await find(db, user_id, broker))


@operation
async def get_current(db: AsyncExecutor, user_id: int) -> BrokerToken | Refusal:
    """Return the tokens of a user's current login, whichever broker it is with.

    That is the newest whose tokens can be used; where there is none, the newest says why: REVOKED
    or EXPIRED, and UNKNOWN where no broker ever gave any. Raises SealError, as ``get`` does.
    """
    return await _judged(db, await _find_current(db, user_id))


@operation
async def revoke(db: AsyncExecutor, user_id: int, broker: str) -> bool:
    """Delete the tokens, in every process that listens; False if there are none."""
    change = Change("broker_tokens", user_id, broker)
    return await announcements.write(db, change, _revoke, user_id, broker) > 0


def stored(ring: KeyRing, row: Row, tokens: Tokens) -> tuple[_Contents, list[bytes]]:
    """Return what is stored of *tokens* in *row*: see ``_sealed``."""
    return _sealed(ring, row, _contents(tokens))


async def _judged(db: AsyncExecutor, stored: FoundToken | None) -> BrokerToken | Refusal:
    """Return what is stored, opened, or why it cannot be used."""
    found = usable(stored)
    if isinstance(found, Refusal):
        return found
    row = found.user_id, found.broker
    sealed = (found.access_token, found.refresh_token, found.feed_token, found.parameters)
    tokens = _tokens(_opened(await proof.ring_of(db), row, sealed))
    return BrokerToken(*row, found.client_id, tokens, found.updated_at, found.expires_at)


def _contents(tokens: Tokens) -> _Contents:
    """Return what is sealed of *tokens*; equal tokens give equal contents."""
    parameters = {name: value.reveal() for name, value in sorted(tokens.parameters.items())}
    # Not escaped: read back, two escaped halves of a pair would be one character.
    document = Secret(json.dumps(parameters, ensure_ascii=False)) if parameters else None
    return _text(tokens.access), _text(tokens.refresh), _text(tokens.feed), _text(document)


def _text(secret: Secret | None) -> bytes | None:
    return None if secret is None else secret.reveal().encode(errors="surrogatepass")


def _tokens(contents: _Contents) -> Tokens:
    access, refresh, feed = (_secret(each) for each in contents[:3])
    assert access is not None  # noqa: S101  # the table's check: only a revoked row has none
    given = cast("dict[str, str]", json.loads(contents[3] or "{}"))
    return Tokens(access, refresh, feed, {name: Secret(value) for name, value in given.items()})


def _secret(content: bytes | None) -> Secret | None:
    return None if content is None else Secret(content.decode(errors="surrogatepass"))


def _sealed(ring: KeyRing, row: Row, contents: _Contents) -> tuple[_Contents, list[bytes]]:
    """Return what is stored, and the digests by which it is known again, under each usable key.

    No caller has both this and a plaintext in a variable, which an error report could show.
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
