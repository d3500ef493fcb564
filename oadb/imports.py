"""Imports: what is brought over from another system, with its times. The SQL is in imports.sql.

What only grows there, such as a log, is brought over in the order of its ids; how far is recorded
in the transaction that stores the rows, so that nothing is brought over twice or left out, however
often a run is ended and begun again. ``oadb.importing`` reads the other system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from oadb import api_keys, keys, webhooks
from oadb.api_keys import OrderMode
from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.engine.results import Affected
from oadb.errors import LoadError, ParameterError
from oadb.login_attempts import Attempt
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of
from oadb.strategies import TradingMode

query = queries("imports")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table was brought over; ``checksum`` is that of its last row."""

    last_id: int
    checksum: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of a table that are brought over together: those behind ``after``, up to ``last_id``.

    ``checksum`` is that of the last one, ``stored`` how many of them are fit to be stored.
    """

    after: int
    last_id: int
    checksum: bytes
    stored: int


@query
def get_progress(installation: str, table_name: str) -> Progress | None: ...


@query
def _advance(
    installation: str, table_name: str, after: int, last_id: int, checksum: bytes, stored: int
) -> Affected: ...


@query
def record_batch(
    batch_id: UUID, table_name: str, stored: int, first_at: datetime, last_at: datetime
) -> Affected: ...


@query
def _record_attempts(
    attempted_ats: list[datetime],
    usernames: list[str],
    ips: list[str],
    devices: list[str],
    brokers: list[str],
    methods: list[str],
    outcomes: list[str],
    reasons: list[str],
) -> Affected: ...


@query
def _adopt_key(
    user_id: int,
    api_key_id: UUID,
    name: str,
    hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    kept_token: bytes,
    order_mode: OrderMode,
    created_at: datetime | None,
) -> Affected: ...


@query
def _adopt_strategy(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    is_active: bool,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    created_at: datetime | None,
) -> Affected: ...


query.complete()


@operation
async def advance(db: AsyncExecutor, installation: str, table_name: str, reach: Reach) -> None:
    """Record that rows were brought over, in the transaction that stores them.

    Raises LoadError, which is to undo them, if another run did so meanwhile.
    """
    if not await _advance(
        db, installation, table_name, reach.after, reach.last_id, reach.checksum, reach.stored
    ):
        raise LoadError(f"{table_name}: another import of {installation} is running; let it end")


@operation
async def record_attempts(db: AsyncExecutor, attempts: Sequence[Attempt]) -> int:
    """Write attempts with their own times. Whose they are follows from the names of today."""
    return await _record_attempts(
        db,
        [each.attempted_at for each in attempts],
        [each.username for each in attempts],
        [each.ip or "" for each in attempts],
        [each.device or "" for each in attempts],
        [each.broker or "" for each in attempts],
        [each.method for each in attempts],
        [each.outcome for each in attempts],
        [each.reason or "" for each in attempts],
    )


@operation
@keys.seals
async def adopt_key(
    db: AsyncExecutor,
    user_id: int,
    api_key_id: UUID,
    name: str,
    token: Secret,
    *,
    order_mode: OrderMode,
    created_at: datetime | None,
) -> bool:
    """Take over an API key that goes on working, and that its owner can see again.

    False if a key of this id is there, whatever became of it. Raises ParameterError for what does
    not look like a key of OpenAlgo, and may raise ForeignKeyViolation.
    """
    if not api_keys.TOKEN.is_adoptable(token):
        raise ParameterError("imports.adopt_key: token must be 64 hexadecimal digits")
    ring, row = await keys.ring_of(db), (user_id, api_key_id)
    stored = api_keys.TOKEN.store(ring, row, token)
    return await _adopt_key(
        db, user_id, api_key_id, name, hint_of(token), stored.digest, stored.fingerprint,
        api_keys.KEPT.seal(ring, row, token.reveal().encode()), order_mode, created_at,
    ) > 0  # fmt: skip


@operation
@keys.seals
async def adopt_strategy(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    name: str,
    webhook: Secret,
    *,
    platform: str,
    trading_mode: TradingMode,
    is_active: bool,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    created_at: datetime | None,
) -> bool:
    """Take over a strategy, of Chartink as well, whose webhook goes on working.

    False if a strategy of this id is there, whatever became of it. Raises ParameterError for what
    does not look like a webhook of OpenAlgo, and may raise ForeignKeyViolation and CheckViolation.
    """
    if not webhooks.TOKEN.is_adoptable(webhook):
        raise ParameterError("imports.adopt_strategy: webhook must be a random UUID")
    ring, shown = await keys.ring_of(db), webhook.reveal()
    stored = webhooks.TOKEN.store(ring, (user_id, strategy_id), webhook)
    # A UUID has half the bits of a token of ours: less of it is shown.
    taken = await _adopt_strategy(
        db, user_id, strategy_id, name, platform, trading_mode, is_active, is_intraday, start_time,
        end_time, squareoff_time, time_zone, f"{shown[:4]}...{shown[-4:]}", stored.digest,
        stored.fingerprint, created_at,
    )  # fmt: skip
    return taken > 0
