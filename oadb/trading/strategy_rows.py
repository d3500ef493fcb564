"""Strategies as they are stored and read, with the mappings of a platform."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from operator import attrgetter
from typing import Generic, Literal, TypeVar
from uuid import UUID

from oadb.security.sealing import Row
from oadb.security.secret import Secret
from oadb.trading.strategy_changes import ProductType

M = TypeVar("M")

CHARTINK = "chartink"
"""The platform whose strategies ``chartink`` reads."""

TradingMode = Literal["LONG", "SHORT", "BOTH"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A strategy without its mappings. Times are local times of ``time_zone``; None: no limit."""

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
    """A strategy with its mappings, ordered by symbol."""

    mappings: tuple[M, ...]


@dataclass(frozen=True, slots=True)
class IssuedStrategy(Generic[M]):
    """A new strategy and its webhook, which cannot be read again later."""

    webhook: Secret
    strategy: Strategy[M]


@dataclass(frozen=True, slots=True)
class FoundStrategy(Profile):
    """A strategy of any platform as stored: each list has one value for each mapping."""

    symbols: list[str]
    exchanges: list[str]
    quantities: list[int]
    product_types: list[ProductType]


@dataclass(frozen=True, slots=True)
class FoundWebhook(FoundStrategy):
    """The strategy that a digest leads to, before its webhook is verified."""

    fingerprint: bytes = field(repr=False)

    @property
    def row(self) -> Row:
        """Its primary key."""
        return self.user_id, self.strategy_id


@dataclass(frozen=True, slots=True)
class StrategyKind(Generic[M]):
    """Which strategies a module reads, and the class of their mappings."""

    is_of: Callable[[str], bool]
    mapping: Callable[[str, str, int, ProductType], M]

    def read(self, found: FoundStrategy | None) -> Strategy[M] | None:
        """Return the strategy; None if there is none or it is of another platform."""
        if found is None or not self.is_of(found.platform):
            return None
        mappings = map(
            self.mapping, found.symbols, found.exchanges, found.quantities, found.product_types
        )
        return Strategy(*_profile(found), *[tuple(mappings)])  # a checker cannot count the columns

    def new(self, profile: Profile) -> Strategy[M]:
        """Return a new strategy, which has no mappings yet."""
        return Strategy(*_profile(profile), *[()])

    def read_all(self, rows: list[FoundStrategy]) -> list[Strategy[M]]:
        """Return the strategies of the platform."""
        return [strategy for strategy in map(self.read, rows) if strategy is not None]
