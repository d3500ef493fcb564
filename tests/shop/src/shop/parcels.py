"""Parcels: values that are more than PostgreSQL's plain types."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, NamedTuple

from oadb import COMPOSITE, Affected, Codec, queries

query = queries(__name__)


class State(Enum):
    PACKED = "packed"
    SENT = "sent"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Address:
    street: str | None
    city: str | None


@dataclass(frozen=True, slots=True)
class Item:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal

    def to_cents(self) -> int:
        """Return it in cents."""
        return int(self.amount * 100)

    @classmethod
    def from_cents(cls, cents: int) -> "Money":
        """Return the amount of so many cents."""
        return cls(Decimal(cents) / 100)


Cents = Annotated[Money, Codec(int, dump=Money.to_cents, load=Money.from_cents)]


@dataclass(frozen=True, slots=True)
class Parcel:
    parcel_id: int
    state: State
    destination: Annotated[Address, COMPOSITE]
    contents: list[Item]
    postage: Cents


class StateCount(NamedTuple):
    state: State
    parcels: int


@query
def create(
    destination: Annotated[Address, COMPOSITE], contents: list[Item], postage: Cents
) -> Parcel: ...


@query
def set_state(parcel_id: int, state: State) -> Affected: ...


@query
def count_by_state() -> list[StateCount]: ...


query.complete()
