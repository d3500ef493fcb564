"""Values of every form come back from every kind of call: single ones, batches, many rows, COPY."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal, NamedTuple, NewType, get_origin
from uuid import UUID

import msgspec
import pydantic
import pytest
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from oadb import Affected, Codec
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import is_row_class
from oadb.engine.binding.statements import parse
from tests.support.declaring import declared
from tests.support.rig import Connect, Db, Observer

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Color(Enum):
    """A PostgreSQL enum."""

    RED = "red"
    GREEN = "dark green"


class Level(IntEnum):
    """Stored as a number."""

    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Money:
    """A class of a service."""

    cents: int

    def to_cents(self) -> int:
        if self.cents < 0:
            raise ValueError("a secret amount")
        return self.cents

    @classmethod
    def from_cents(cls, cents: int) -> "Money":
        if cents == 13:
            raise ValueError("a secret amount")
        return cls(cents)


Cents = Annotated[Money, Codec(int, dump=Money.to_cents, load=Money.from_cents)]
Quantity = NewType("Quantity", int)


class Line(NamedTuple):
    """A part of an order."""

    sku: str
    quantity: Quantity
    price: Decimal


@dataclass(frozen=True, slots=True)
class Details:
    """An object in a column of jsonb."""

    placed: date
    lines: list[Line]
    color: Color | None = None
    kind: Literal["gift", "own"] = "own"
    tags: dict[str, bool] = field(default_factory=dict[str, bool])
    seen: datetime | None = None
    key: UUID | None = None


class Point(NamedTuple):
    """A NamedTuple."""

    probe_id: int
    note: str


class Struct(msgspec.Struct):
    """A class of msgspec."""

    probe_id: int
    note: str


class Model(pydantic.BaseModel):
    """A class of pydantic."""

    probe_id: int
    note: str = pydantic.Field(max_length=5)


TYPES = """
create type public.color as enum ('red', 'dark green');
create domain public.natural as integer check (value >= 0)
"""


@pytest.fixture
def db(connect: Connect, observer: Observer) -> Iterator[Db]:
    observer.rows(TYPES)
    yield connect(pool_size=2)
    observer.rows("drop type if exists public.color cascade")


NOW = datetime(2026, 11, 29, 7, 0, tzinfo=UTC)
FULL = Details(
    date(2026, 1, 2),
    [Line("a", Quantity(1), Decimal("1.50")), Line("b", Quantity(2), Decimal(2))],
    Color.GREEN,
    "gift",
    {"x": True},
    NOW,
    UUID(int=7),
)

VALUES: dict[str, tuple[str, Any, list[Any]]] = {
    "enum": ("public.color", Color, [Color.RED, Color.GREEN]),
    "enum as text": ("text", Color, [Color.GREEN]),
    "enums": ("public.color[]", list[Color], [[], [Color.RED, Color.GREEN]]),
    "number": ("smallint", Level, [Level.HIGH]),
    "codec": ("bigint", Cents, [Money(0), Money(250)]),
    "codecs": ("bigint[]", list[Cents], [[Money(1), Money(2)]]),
    "inet": ("inet", Ip, [ip_address("10.1.2.3"), ip_address("::1")]),
    "one inet": ("inet", IPv4Address, [IPv4Address("10.1.2.3")]),
    "cidr": ("cidr", Network, [ip_network("10.0.0.0/8"), ip_network("fe80::/10")]),
    "range": ("int8range", Range[int], [Range(1, 5), Range(None, 7), Range(empty=True)]),
    "numbers": ("numrange", Range[Decimal], [Range(Decimal("1.5"), Decimal(2), "[]")]),
    "days": ("daterange", Range[date], [Range(date(2026, 1, 1), None)]),
    "times": ("tstzrange", Range[datetime], [Range(NOW, NOW + timedelta(hours=1))]),
    "multirange": ("int4multirange", Multirange[int], [Multirange([Range(1, 3), Range(5, 9)])]),
    "matrix": ("integer[]", list[list[int]], [[[1, 2], [3, 4]], []]),
    "holes": ("text[]", list[str | None], [["a", None, ""]]),
    "domain": ("public.natural", int, [0, 7]),
    "jsonb": ("jsonb", Details, [FULL, Details(date(2026, 1, 1), [])]),
    "jsonb list": ("jsonb", list[Line], [FULL.lines, []]),
    "jsonb struct": ("jsonb", Struct, [Struct(1, "a")]),
    "jsonb model": ("jsonb", Model, [Model(probe_id=1, note="a")]),
    "json named": ("json", Point, [Point(1, "a")]),
}
ECHOES = [(name, value) for name, (_, _, values) in VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), ECHOES, ids=lambda each: str(each)[:20])
def test_a_value_comes_back_as_it_was_sent(db: Db, name: str, value: Any) -> None:
    kind, annotation, _ = VALUES[name]

    @dataclass(frozen=True)
    class Row:
        value: annotation | None  # type: ignore[valid-type]  # of a table

    Row.__annotations__["value"] = annotation | None
    echo = declared(f"select :value::{kind} as value", Row, value=annotation | None)
    assert echo(db, value) == Row(value)
    assert echo(db, None) == Row(None)
    with db.batch() as batch:
        pending = echo(batch, value)
    assert pending.result == Row(value)
    assert echo.many(db, [(value,), (None,)]) == [Row(value), Row(None)]
    if not is_row_class(annotation) and get_origin(annotation) is not list:
        single = declared(f"select :value::{kind} as value", annotation, value=annotation)
        assert single(db, value) == value


@pytest.mark.parametrize(("name", "value"), ECHOES, ids=lambda each: str(each)[:20])
def test_a_value_is_stored_by_many_rows_as_arrays_and_by_copy(
    db: Db, observer: Observer, name: str, value: Any
) -> None:
    kind, annotation, _ = VALUES[name]
    observer.rows(f"create table public.kept (value {kind})")

    @dataclass(frozen=True)
    class Row:
        value: annotation | None  # type: ignore[valid-type]  # of a table

    Row.__annotations__["value"] = annotation | None
    rows = [Row(value), Row(None)]
    load = declared("copy public.kept (value) from stdin", Affected, rows=Iterable[Row])
    export = declared("copy (select value from public.kept) to stdout", Iterator[Row])
    assert load(db, rows) == 2
    assert list(export(db)) == rows
    if kind.endswith("[]"):
        return  # an array of arrays has no rows
    text = f"""
-- name: put
insert into public.kept (value) values (:value) returning value;

-- name: put.many
insert into public.kept (value)
select value from unnest(:value::{kind}[]) with ordinality as given (value, place) order by place
returning value;
"""
    declare = Queries("kept", parse(text, "kept", "kept.sql"))

    def put(value: Any) -> Any: ...

    put.__annotations__ |= {"value": annotation | None, "return": Row}
    query: Any = declare(put)
    declare.complete()
    assert query.many(db, rows) == rows
