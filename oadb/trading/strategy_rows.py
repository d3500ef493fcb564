"""Strategies as they are stored and read, and the mappings of their symbols."""

from dataclasses import dataclass, field, fields
from datetime import datetime, time
from operator import attrgetter
from typing import Generic, Literal, TypeVar
from uuid import UUID

from oadb.security.refusals import Accepted
from oadb.security.sealing import Row
from oadb.security.secret import Secret
from oadb.validation.argument_rules import Label

M = TypeVar("M")

CHARTINK = "chartink"
"""The platform whose strategies ``chartink`` reads."""

TIME_ZONE = "Asia/Kolkata"
"""The default time zone of a strategy's times."""

Direction = Literal["LONG", "SHORT", "BOTH"]
"""Which positions a strategy opens."""

ProductType = Literal["CNC", "MIS", "NRML"]
"""Delivery (CNC), intraday (MIS), or overnight derivatives (NRML), as brokers in India say."""


@dataclass(frozen=True, slots=True)
class SymbolMapping:
    """The order placed when an alert names *symbol*; *quantity* is above 0."""

    symbol: Label
    exchange: Label
    quantity: int
    product_type: ProductType


@dataclass(frozen=True, slots=True)
class Profile:
    """A strategy without its mappings. Times are local times of ``time_zone``; None: no limit."""

    user_id: int
    strategy_id: UUID
    name: str
    platform: str
    direction: Direction
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


profile_of = attrgetter(*(column.name for column in fields(Profile)))
"""Returns the values of a profile's fields, in order."""


@dataclass(frozen=True, slots=True)
class Strategy(Profile, Accepted, Generic[M]):
    """A strategy with its mappings, ordered by symbol."""

    mappings: tuple[M, ...]


@dataclass(frozen=True, slots=True)
class NewStrategy(Generic[M]):
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
