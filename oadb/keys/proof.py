"""Keys: whether the key ring and the database fit.

Nothing is sealed, opened or looked up by a digest before ``prove`` has seen that every key of the
database is in the ring and is the same key. Call it when a service starts, to refuse there.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import KeyRingError, SealError
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

# Seconds for which a miss believes that the database has no key that the ring lacks.
_TRUSTED = 10.0


@dataclass(frozen=True, slots=True)
class Canary:
    """A known value, sealed under a key."""

    key_id: int
    canary: bytes


@dataclass(frozen=True, slots=True)
class Use:
    """How many rows of a table need a key."""

    table_name: str
    key_id: int
    uses: int


class Tokened(Protocol):
    """A row that a token leads to."""

    @property
    def row(self) -> Row:
        """Its primary key."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of its token, sealed."""
        ...


@query
def list_canaries() -> list[Canary]: ...


@query
def _lock_canaries() -> None: ...


@query
def _enroll(key_id: int, canary: bytes) -> Affected: ...


@query
def _remove(key_id: int) -> Affected: ...


@query
def list_uses() -> list[Use]: ...


query.complete()


@operation
async def prove(db: AsyncExecutor) -> None:
    """See that the key ring fits the database; the first ring of a database is enrolled.

    Raises KeyRingError naming the key that is missing, retired, or another one than the database
    was sealed with, and ConfigError where there is no ring. Nothing is written in those cases.
    """
    ring = db.vault.ring
    canaries = await list_canaries(db)
    if not canaries:
        await _enroll_first(db, ring)
        canaries = await list_canaries(db)
    require_fit(ring, canaries)
    db.vault.mark_proven()


async def ring_of(db: AsyncExecutor) -> KeyRing:
    """Return the key ring of *db*, proven. Raises as ``prove`` does."""
    if not db.vault.proven:
        await prove(db)
    return db.vault.ring


async def find_by_token(
    db: AsyncExecutor,
    kind: TokenKind,
    token: Secret,
    by_digest: Query[[bytes], Found | None],
    by_digests: Query[[list[bytes]], Found | None],
) -> Found | None:
    """Return the row that *token* was stored in, or None. No statement for what can be no token.

    One statement, also while keys rotate: were its digests looked for one after the other, a row
    that is sealed again meanwhile could slip from in front of us to behind us. Raises KeyRingError
    where the row may be there under a key that the ring lacks.
    """
    if not kind.is_wellformed(token):
        return None
    ring, hashed = await ring_of(db), sha256_of(token)
    digests = kind.digests(ring, hashed)
    # Two statements: one with an array is planned anew at each call, which doubles its time, and
    # one with a place for each of several keys costs every call a tenth.
    found = await (by_digest(db, digests[0]) if len(digests) == 1 else by_digests(db, digests))
    if found is None:
        await _require_no_other_key(db, ring)
        return None
    return found if kind.belongs(ring, found.row, hashed, found.fingerprint) else None


def seals(
    write: Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]],
) -> Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]]:
    """Let *write*, which stores what is sealed, raise KeyRingError where its key is not known.

    The key may have been retired since this process began; the foreign key to its canary sees it.
    """

    @wraps(write)
    async def sealed(db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await write(db, *args, **kwargs)
        except ForeignKeyViolation as refusal:
            if not (refusal.diag.constraint_name or "").endswith("_key_id_fkey"):
                raise
        raise KeyRingError(
            f"key {db.vault.ring.primary.key_id}, which this process seals with, is not or no "
            "longer known to the database; nothing was changed. Start it again with the present "
            "key ring"
        )

    return sealed


def require_fit(ring: KeyRing, canaries: list[Canary]) -> None:
    """Raise KeyRingError unless *ring* opens every canary and its primary key has one."""
    _require_opens_all(ring, canaries)
    if ring.primary.key_id not in {canary.key_id for canary in canaries}:
        raise KeyRingError(
            f"key {ring.primary.key_id} is primary in the key ring but unknown to the database; "
            "if the ring is the right one: oadb keys promote"
        )


@operation
async def admit(db: AsyncExecutor, key_id: int) -> None:
    """Let values be sealed under a key of the ring from now on; it need not be primary yet.

    Raises KeyRingError unless the ring opens everything that the database holds already.
    """
    ring = db.vault.ring
    _require_opens_all(ring, await list_canaries(db))
    await _enroll(db, key_id, _seal_canary(ring, key_id))
    # Another key of this id may have come meanwhile; it stayed as it was.
    _require_opens_all(ring, await list_canaries(db))


@operation
async def withdraw(db: AsyncExecutor, key_id: int) -> None:
    """Make the database forget a key. Raises KeyRingError while one value needs it."""
    try:
        async with db.transaction() as tx:
            await _remove(tx, key_id)
    except ForeignKeyViolation as refusal:
        table = refusal.diag.table_name
    else:
        return
    raise KeyRingError(
        f"key {key_id} is still needed by rows of {table}; run oadb keys rewrap, and see that no "
        "process seals with it as its primary key"
    )


def _seal_canary(ring: KeyRing, key_id: int) -> bytes:
    return _CANARY.seal(ring.with_primary(key_id), (key_id,), _CANARY_TEXT)


async def _require_no_other_key(db: AsyncExecutor, ring: KeyRing) -> None:
    """See, after a miss, that the database has got no key since that the ring lacks.

    What is stored under such a key is not unknown. Not looked at again for 10 s if all is well.
    """
    if not db.vault.was_proven_within(_TRUSTED):
        _require_opens_all(ring, await list_canaries(db))
        db.vault.mark_proven()


async def _enroll_first(db: AsyncExecutor, ring: KeyRing) -> None:
    key_id = ring.primary.key_id
    try:
        async with db.transaction() as tx:
            await _lock_canaries(tx)
            if not await list_canaries(tx):  # another process may have been first
                await _enroll(tx, key_id, _seal_canary(ring, key_id))
    except InsufficientPrivilege:
        pass
    else:
        return
    raise KeyRingError(
        f"the database knows no key yet and this role may not enroll key {key_id}; run oadb keys "
        "promote as a role that may (oadb_rotate)"
    )


def _require_opens_all(ring: KeyRing, canaries: list[Canary]) -> None:
    for canary in canaries:
        _require_opens(ring, canary)


def _require_opens(ring: KeyRing, canary: Canary) -> None:
    key = ring.keys.get(canary.key_id)
    if key is None:
        raise KeyRingError(
            f"the database is sealed with key {canary.key_id}, which the ring lacks; start this "
            "process again with the present key ring"
        )
    if key.state == "retired":
        raise KeyRingError(f"key {key.key_id} is retired in the ring, but the database needs it")
    try:
        text = _CANARY.open(ring, (canary.key_id,), canary.canary)
    except SealError:
        text = b""
    if text != _CANARY_TEXT:
        raise KeyRingError(
            f"key {key.key_id} of the ring is another key than the one the database is sealed with "
            f"(fingerprint {key.fingerprint}); nothing was changed. Find the right key ring"
        )
