"""Strategies: what a platform's alerts trade.

An alert shows a webhook, which leads to its strategy and the symbols that it may name:

    found = strategies.find_by_webhook(db, Secret(shown))
    if isinstance(found, Refusal):             # UNKNOWN, REVOKED, or INACTIVE: switched off
        ...

Those of Chartink are rows of the same tables, which ``chartink`` reads in its own words; what is
read here is without them. What is written goes by the id of a strategy, and is the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from operator import attrgetter
from typing import Generic, Literal, TypeVar
from uuid import UUID, uuid4

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.sealing import Row
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of
from oadb.trading import strategy_changes
from oadb.trading.strategy_changes import TIME_ZONE, ProductType, change_of
from oadb.trading.webhooks import TOKEN
from oadb.validation import time_zones
from oadb.validation.documents import require_document

query = queries(__name__)

M = TypeVar("M")

Mapping = strategy_changes.Mapping

CHARTINK = "chartink"
"""The platform whose strategies ``oadb.chartink`` reads."""

TradingMode = Literal["LONG", "SHORT", "BOTH"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A strategy without its mappings. Times are by the clock of ``time_zone``; None: no limit."""

    user_id: int
    strategy_id: UUID
    name: str
    platform: str
    trading_mode: TradingMode
    definition: dict[str, object]
    is_active: bool
    is_intraday: bool
    start_time: time | None
    end_time: time | None
    squareoff_time: time | None
    time_zone: str
    webhook_hint: str
    webhook_revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime


_profile = attrgetter(*(column.name for column in fields(Profile)))


@dataclass(frozen=True, slots=True)
class Strategy(Profile, Generic[M]):
    """A strategy and its mappings, in the order of their symbols."""

    mappings: tuple[M, ...]


@dataclass(frozen=True, slots=True)
class IssuedStrategy(Generic[M]):
    """A new strategy and its webhook, which is shown this once."""

    webhook: Secret
    strategy: Strategy[M]


@dataclass(frozen=True, slots=True)
class FoundStrategy(Profile):
    """A strategy as it is stored, of any platform: each array has one value for each mapping."""

    symbols: list[str]
    exchanges: list[str]
    quantities: list[int]
    product_types: list[ProductType]


@dataclass(frozen=True, slots=True)
class FoundWebhook(FoundStrategy):
    """What a digest leads to, before it is judged."""

    fingerprint: bytes = field(repr=False)

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.strategy_id


@query
def _insert(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    definition: dict[str, object],
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
) -> Profile: ...


@query
def find(user_id: int, strategy_id: UUID) -> FoundStrategy | None: ...


@query
def _find_by_digest(token_digest: bytes) -> FoundWebhook | None: ...


@query
def _find_by_digests(token_digests: list[bytes]) -> FoundWebhook | None: ...


@query
def _list_rows(user_id: int) -> list[FoundStrategy]: ...


@query
def count_by_user(user_id: int) -> int: ...


query.complete()


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """Which strategies a module reads, and what it makes of their mappings."""

    is_of: Callable[[str], bool]
    mapping: Callable[[str, str, int, ProductType], M]

    def read(self, found: FoundStrategy | None) -> Strategy[M] | None:
        """Return what was found; None if it is of another platform."""
        if found is None or not self.is_of(found.platform):
            return None
        mappings = map(
            self.mapping, found.symbols, found.exchanges, found.quantities, found.product_types
        )
        return Strategy(*_profile(found), *[tuple(mappings)])  # a checker cannot count the columns

    def new(self, profile: Profile) -> Strategy[M]:
        """Return a strategy that has no mappings yet."""
        return Strategy(*_profile(profile), *[()])

    def read_all(self, rows: list[FoundStrategy]) -> list[Strategy[M]]:
        """Return those that are of the platform."""
        return [strategy for strategy in map(self.read, rows) if strategy is not None]


_KIND = Kind(lambda platform: platform != CHARTINK, Mapping)


@operation
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: str,
    *,
    platform: str = "tradingview",
    trading_mode: TradingMode = "LONG",
    definition: dict[str, object] | None = None,
    is_intraday: bool = True,
    start_time: time | None = None,
    end_time: time | None = None,
    squareoff_time: time | None = None,
    time_zone: str = TIME_ZONE,
) -> IssuedStrategy[Mapping]:
    """Make a strategy that is active. Its webhook is in the answer and nowhere else.

    *name* has 1 to 255 characters, *platform* 1 to 50: a-z, 0-9 and _. *definition* is a JSON
    object (see ``require_document``). Times are in order: start, end, square-off; *time_zone* is a
    name of the IANA time zone database. Raises ParameterError, and may raise ForeignKeyViolation
    (no such user) and CheckViolation.
    """
    if platform == CHARTINK:
        raise ParameterError("strategies.create: platform is chartink; use chartink.create")
    return await issue(
        db, _KIND, user_id, name, platform, trading_mode, definition, is_intraday, start_time,
        end_time, squareoff_time, time_zone,
    )  # fmt: skip


@operation
async def get(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Strategy[Mapping] | None:
    """Return a strategy of a user."""
    return _KIND.read(await find(db, user_id, strategy_id))


@operation
async def find_by_webhook(db: AsyncExecutor, webhook: Secret) -> Strategy[Mapping] | Refusal:
    """Return the active strategy that an alert is for, or why there is none: see ``look_up``."""
    return await look_up(db, _KIND, webhook)


@operation
async def list_by_user(db: AsyncExecutor, user_id: int) -> list[Strategy[Mapping]]:
    """Return the strategies of a user, the newest first."""
    return _KIND.read_all(await _list_rows(db, user_id))


async def look_up(db: AsyncExecutor, kind: Kind[M], webhook: Secret) -> Strategy[M] | Refusal:
    """Return the active strategy of a kind that *webhook* belongs to, with its mappings.

    One indexed lookup; none for what cannot be a webhook. UNKNOWN: no such webhook, or of another
    kind; REVOKED; INACTIVE: switched off. Raises UnavailableError, and KeyRingError for want of a
    root key.
    """
    found = kind.read(
        await proof.find_by_token(db, TOKEN, webhook, _find_by_digest, _find_by_digests)
    )
    if found is None:
        return Refusal.UNKNOWN
    if found.webhook_revoked_at is not None:
        return Refusal.REVOKED
    return found if found.is_active else Refusal.INACTIVE


@proof.seals
async def issue(
    db: AsyncExecutor,
    kind: Kind[M],
    user_id: int,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    definition: dict[str, object] | None,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
) -> IssuedStrategy[M]:
    """Make a strategy of a kind; see ``create``."""
    time_zones.require("strategies.create: time_zone", time_zone)
    document = {} if definition is None else definition
    require_document("strategies.create: definition", document)
    ring, token, strategy_id = await proof.ring_of(db), TOKEN.new(), uuid4()
    stored = TOKEN.store(ring, (user_id, strategy_id), token)
    async with db.transaction() as tx:
        profile = await _insert(
            tx, user_id, strategy_id, name, platform, trading_mode, document, is_intraday,
            start_time, end_time, squareoff_time, time_zone, hint_of(token), stored.digest,
            stored.fingerprint,
        )  # fmt: skip
        await announcements.announce(tx, 1, change_of(user_id, strategy_id))
    return IssuedStrategy(token, kind.new(profile))


set_active = strategy_changes.set_active
toggle = strategy_changes.toggle
set_times = strategy_changes.set_times
rename = strategy_changes.rename
set_definition = strategy_changes.set_definition
put_mappings = strategy_changes.put_mappings
delete_mappings = strategy_changes.delete_mappings
delete = strategy_changes.delete
