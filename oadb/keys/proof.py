"""Proof: whether the key ring fits the database.

Nothing is sealed, opened or looked up by a digest before ``prove`` has found every key of the
database in the ring. Call it when a service starts, so that a wrong ring fails there.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from psycopg.errors import InsufficientPrivilege

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.constraint_errors import ReferenceRefusalError, table_of
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import ConflictError, KeyRingError, SealError
from oadb.security.keyring import KeyRing
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind, sha256_of

query = queries(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Found = TypeVar("Found", bound="Tokened")

_CANARY = SealedColumn("key_canaries", "canary")
_CANARY_TEXT = b"oadb"

# Seconds for which a failed lookup trusts the last check of the database's keys.
_TRUSTED = 10.0


@dataclass(frozen=True, slots=True)
class Canary:
    """A known value sealed under a key."""

    key_id: int
    canary: bytes


class Tokened(Protocol):
    """A row that is found by a token."""

    @property
    def row(self) -> Row:
        """Its primary key."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """The sealed SHA-256 of its token."""
        ...


@query
def list_canaries() -> list[Canary]: ...


@query
def _lock_canaries() -> None: ...


@query
def _enroll(key_id: int, canary: bytes) -> Affected: ...


@query
def _note_promotion(key_id: int) -> Affected: ...


@query
def _remove(key_id: int) -> Affected: ...


query.complete()


@operation
async def prove(db: AsyncExecutor) -> None:
    """Check that the key ring fits the database. The first ring of a database is enrolled.

    Raises:
        KeyRingError: a key of the database is missing or retired in the ring, or is a different
            one; or the primary key is unknown to the database. The text names the key; nothing
            was written.
        ConfigError: no key ring is configured.
    """
    ring = db.vault.ring
    canaries = await list_canaries(db)
    if not canaries:
        await _enroll_first(db, ring)
        canaries = await list_canaries(db)
    require_fit(ring, canaries)
    db.vault.mark_proven()


async def ring_of(db: AsyncExecutor) -> KeyRing:
    """Return the key ring of *db*, after ``prove``, whose errors it raises."""
    if not db.vault.proven:
        await prove(db)
    return db.vault.ring


async def find_by_token(
    db: AsyncExecutor,
    kind: TokenKind,
    token: Secret,
    by_digest: Query[[bytes, int | None, list[bytes] | None], Found | None],
) -> Found | None:
    """Find the row of a token by its user and digest. A malformed token costs no statement.

    A token of the old form, which names no user, is looked up by its digest alone. It is one
    statement, also while keys rotate: two lookups, one for each digest, could both miss a row that
    is sealed again between them.

    Returns:
        The row; None if there is none, or its fingerprint is not that of the token.

    Raises:
        KeyRingError: there may be a row under a key that the ring lacks.
    """
    if not kind.is_wellformed(token):
        return None
    ring, hashed = await ring_of(db), sha256_of(token)
    digests = kind.digests(ring, hashed)
    # Variants: with an array, the statement is planned at each call, which doubles its time;
    # with one parameter for each of several keys, every call takes a tenth longer.
    found = await by_digest(db, digests[0], kind.owner_of(token), digests[1:] or None)
    if found is None:
        await _require_no_other_key(db, ring)
        return None
    return found if kind.belongs(ring, found.row, hashed, found.fingerprint) else None


def seals(
    write: Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]],
) -> Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]]:
    """Decorate an operation that stores sealed values: it raises KeyRingError for an unknown key.

    The key may have been retired since this process started, in which case the foreign key to its
    canary refuses the row.

    Raises:
        KeyRingError: by the decorated operation; the database does not know the primary key.
    """

    @wraps(write)
    async def sealed(db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await write(db, *args, **kwargs)
        except ConflictError as refusal:
            if not refusal.constraint.endswith("_key_id_fkey"):
                raise
        raise KeyRingError(
            f"key {db.vault.ring.primary.key_id}, which this process seals with, is unknown to the "
            "database; nothing was changed. Restart the process with the current key ring"
        )

    return sealed


def require_fit(ring: KeyRing, canaries: list[Canary]) -> None:
    """Check that *ring* opens every canary, and that its primary key has one.

    Raises:
        KeyRingError: it does not; the text names the key.
    """
    _require_opens_all(ring, canaries)
    if ring.primary.key_id not in {canary.key_id for canary in canaries}:
        raise KeyRingError(
            f"key {ring.primary.key_id} is primary in the key ring but unknown to the database; "
            "if it is the right ring, run oadb keys promote"
        )


@operation
async def admit(db: AsyncExecutor, key_id: int) -> None:
    """Enroll a key of the ring, so that values can be sealed under it; it need not be primary.

    Raises:
        KeyRingError: the ring lacks the key, the key is retired, or the ring does not open every
            canary of the database.
        ConfigError: no key ring is configured.
    """
    ring = db.vault.ring
    _require_opens_all(ring, await list_canaries(db))
    await _enroll(db, key_id, _seal_canary(ring, key_id))
    # A different key with this id may have been enrolled meanwhile, and was not replaced.
    _require_opens_all(ring, await list_canaries(db))


@operation
async def note_promotion(db: AsyncExecutor, key_id: int) -> None:
    """Record that an enrolled key becomes the primary one of the ring."""
    await _note_promotion(db, key_id)


@operation
async def withdraw(db: AsyncExecutor, key_id: int) -> None:
    """Remove a key from the database; an unknown one changes nothing.

    Raises:
        KeyRingError: a row still needs it; the text names the table.
    """
    try:
        async with db.transaction() as tx:
            await _remove(tx, key_id)
    except ReferenceRefusalError as refusal:
        table = table_of(refusal)
    else:
        return
    raise KeyRingError(
        f"key {key_id} is still needed by rows of {table}; run oadb keys rewrap, and check that no "
        "process has it as its primary key"
    )


def _seal_canary(ring: KeyRing, key_id: int) -> bytes:
    return _CANARY.seal(ring.with_primary(key_id), (key_id,), _CANARY_TEXT)


async def _require_no_other_key(db: AsyncExecutor, ring: KeyRing) -> None:
    """Check, after a failed lookup, that the ring has every key of the database.

    A token under a key that the ring lacks must not be called unknown. The check is valid for 10 s.
    """
    if not db.vault.was_proven_within(_TRUSTED):
        _require_opens_all(ring, await list_canaries(db))
        db.vault.mark_proven()


async def _enroll_first(db: AsyncExecutor, ring: KeyRing) -> None:
    key_id = ring.primary.key_id
    try:
        await _enroll_unless_there(db, key_id, _seal_canary(ring, key_id))
    except InsufficientPrivilege:
        pass
    else:
        return
    raise KeyRingError(
        f"the database has no key yet, and this role may not enroll key {key_id}; run oadb keys "
        f"promote {key_id} as a role that may (oadb_rotate)"
    )


@transacted
async def _enroll_unless_there(tx: AsyncExecutor, key_id: int, canary: bytes) -> None:
    await _lock_canaries(tx)
    if not await list_canaries(tx):  # another process may have been first
        await _enroll(tx, key_id, canary)


def _require_opens_all(ring: KeyRing, canaries: list[Canary]) -> None:
    for canary in canaries:
        _require_opens(ring, canary)


def _require_opens(ring: KeyRing, canary: Canary) -> None:
    key = ring.keys.get(canary.key_id)
    if key is None:
        raise KeyRingError(
            f"the database is sealed with key {canary.key_id}, which the ring lacks; restart this "
            "process with the current key ring"
        )
    if key.state == "retired":
        raise KeyRingError(
            f"key {key.key_id} is retired in the ring, but the database needs it; restart this "
            "process with the current key ring, or for a restored backup with the ring of its time"
        )
    try:
        text = _CANARY.open(ring, (canary.key_id,), canary.canary)
    except SealError:
        text = b""
    if text != _CANARY_TEXT:
        raise KeyRingError(
            f"key {key.key_id} of the ring (fingerprint {key.fingerprint}) is not the key "
            f"{key.key_id} that the database is sealed with; nothing was changed. Use the key ring "
            "of this database"
        )
