"""Values of classes, enums, ranges, addresses, composites and codecs, there and back."""

# mypy: disable-error-code="empty-body"

import ipaddress
from collections.abc import Generator
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from oadb import COMPOSITE, AsyncDatabase, Codec, Database
from oadb.engine.binding import literals
from oadb.engine.binding.annotations import value_type
from oadb.errors import ParameterError, ResultError
from tests.engine.binding.probes import probes
from tests.engine.binding.test_values import echo
from tests.support.rig import Observer

SETUP = """
drop schema if exists forms cascade;
create schema forms;
create type forms.mood as enum ('fine', 'so "so", {x}', '');
create type forms.place as (street text, number bigint, seen timestamptz);
create type forms.trip as (title text, places forms.place[], mood forms.mood);
create domain forms.percent as integer check (value between 0 and 100);
create type forms.textrange as range (subtype = text);
"""


class Mood(Enum):
    FINE = "fine"
    SO = 'so "so", {x}'
    NONE = ""


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Place:
    street: str | None
    number: int
    seen: datetime | None = None


class Trip(NamedTuple):
    title: str
    places: list[Annotated[Place, COMPOSITE]]
    mood: Mood


@dataclass(frozen=True, slots=True)
class Line:
    price: Decimal
    quantity: int
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Order:
    order_id: UUID
    lines: list[Line]
    mood: Mood


@dataclass(frozen=True, slots=True)
class Money:
    cents: int


Cents = Annotated[Money, Codec(int, dump=lambda money: money.cents, load=Money)]

NOON = datetime(2025, 7, 31, 12, 0, 0, 5, tzinfo=UTC)
LINES = [Line(Decimal("1.50"), 1, date(2025, 1, 2)), Line(Decimal("0.1"), 2)]
PLACE = Place('a "b" \\ (c), {d}', 1, NOON)
TRIP = Trip("", [PLACE, Place(None, 2), Place("", 3)], Mood.SO)


@pytest.fixture(scope="module", autouse=True)
def types(shared_url: str) -> Generator[None]:
    Observer(shared_url).rows(SETUP)
    yield
    Observer(shared_url).rows("drop schema forms cascade")


def _reading(sql: str, annotation: Any) -> Any:
    """Declare a query of one row with one column."""

    def probe() -> Any: ...

    row = make_dataclass("Row", [("value", annotation)])
    probe.__annotations__ = {"return": row}
    query = probes(f"-- name: probe\nselect {sql} as value;")
    declared = query(probe)
    query.complete()
    return declared


ECHOES: list[tuple[str, Any, Any]] = [
    *[("forms.mood", Mood, member) for member in Mood],
    ("text", Mood, Mood.SO),
    ("forms.mood[]", list[Mood], [*Mood]),
    ("text[]", list[Mood | None], [Mood.NONE, None]),
    ("integer", Level, Level.HIGH),
    ("bigint[]", list[list[int]], [[1, 2], [3, 4]]),
    ("bigint[]", list[list[list[int]]], [[[1], [2]]]),
    ("text[]", list[list[str | None]], [["", None], ["NULL", '"\\,{}']]),
    ("forms.place", Annotated[Place, COMPOSITE], PLACE),
    ("forms.place[]", list[Annotated[Place, COMPOSITE] | None], [PLACE, None]),
    ("forms.trip", Annotated[Trip, COMPOSITE], TRIP),
    ("jsonb", Line, LINES[0]),
    ("jsonb", list[Line], LINES),
    ("jsonb", Order, Order(UUID(int=1), LINES, Mood.NONE)),
    ("bigint", Cents, Money(5)),
    ("bigint[]", list[Cents], [Money(5), Money(-1)]),
    ("forms.percent", int, 5),
    ("inet", ipaddress.IPv4Address, ipaddress.ip_address("10.0.0.1")),
    ("inet", ipaddress.IPv4Address | ipaddress.IPv6Address, ipaddress.ip_address("::1")),
    ("inet", ipaddress.IPv4Interface, ipaddress.ip_interface("10.0.0.1/8")),
    ("cidr", ipaddress.IPv4Network, ipaddress.ip_network("10.0.0.0/8")),
    ("int8range", Range[int], Range(1, 5)),
    ("int8range", Range[int], Range(1, None)),
    ("int8range", Range[int], Range(empty=True)),
    ("tstzrange", Range[datetime], Range(NOON, NOON + timedelta(1), "(]")),
    ("numrange", Range[Decimal], Range(Decimal("1.5"), Decimal(2), "[]")),
    ("daterange[]", list[Range[date]], [Range(date(2025, 1, 1), date(2025, 2, 1))]),
    ("forms.textrange", Range[str], Range('a"\\', "b,c)", "[]")),
    ("int8multirange", Multirange[int], Multirange([Range(1, 3), Range(5, None)])),
]


@pytest.mark.parametrize(("kind", "annotation", "value"), ECHOES)
def test_a_value_with_a_form_comes_back_equal(
    shared_db: Database, kind: str, annotation: Any, value: Any
) -> None:
    probe = echo(kind, annotation, make_dataclass("Row", [("value", annotation)]))
    with shared_db.transaction() as tx:
        assert probe(tx, value).value == value
    assert probe(shared_db, value).value == value


async def test_forms_are_the_same_for_async(shared_url: str) -> None:
    probe: Any = echo("forms.trip", Annotated[Trip, COMPOSITE])
    async with AsyncDatabase.from_url(shared_url) as db:
        assert await probe(db, TRIP) == TRIP


MISFITS: list[tuple[str, Any, Any, str]] = [
    ("text", Mood, "fine", "value must be Mood, not str"),
    ("jsonb", Order, Order(UUID(int=1), [LINES[0], Line(Decimal(1), "x5")], Mood.SO),  # type: ignore[arg-type]  # wrong on purpose
     r"value\.lines\[1\]\.quantity must be int, not str"),
    ("forms.trip", Annotated[Trip, COMPOSITE], TRIP._replace(places=[Place("x5", None)]),  # type: ignore[arg-type]  # wrong on purpose
     r"value\.places\[0\]\.number must be int, not NoneType"),
    ("bigint[]", list[list[int]], [[1, "x5"]], r"value\[0\]\[1\] must be int, not str"),
    ("bigint", Cents, 5, "value must be Money, not int"),
    ("text[]", list[str], ["a", None], r"value\[1\] must be str, not NoneType"),
    ("text[]", list[str], [b"x5"], r"value\[0\] must be str, not bytes"),
    ("text[]", list[str], ("x5",), r"value must be list\[str\], not tuple"),
    ("inet", ipaddress.IPv4Address | ipaddress.IPv6Address, None,
     r"value must be IPv4Address \| IPv6Address, not NoneType"),
    ("int8range", Range[int], Range(1, "x5"), r"value\.upper must be int, not str"),
    ("int8range", Range[int], Range(5, 1), r"value must not end before it begins"),
    ("daterange[]", list[Range[date]], [Range(date(2026, 1, 2), date(2026, 1, 1))],
     r"value\[0\] must not end before it begins"),
    ("int8multirange", Multirange[int], Multirange([Range(5, 1)]),
     r"value must not end before it begins"),
]  # fmt: skip  # a table


@pytest.mark.parametrize(("kind", "annotation", "value", "fault"), MISFITS)
def test_an_argument_that_does_not_fit_is_named_by_its_path(
    shared_db: Database, kind: str, annotation: Any, value: Any, fault: str
) -> None:
    with pytest.raises(ParameterError, match=f"^probe.probe: {fault}$") as refused:
        echo(kind, annotation, int)(shared_db, value)

    assert "x5" not in str(refused.value)
    assert refused.value.__context__ is None


UNREADABLE: list[tuple[str, Any, str]] = [
    ("array['a', null]", list[str], r"must not hold a null"),
    ("'odd'", Mood, "is not a member of Mood"),
    ("""'{"price": 1.5}'::jsonb""", Line, "has no key quantity"),
    ("""'{"price": 1.5, "quantity": 1, "odd": 1}'::jsonb""", Line, "has a key that Line does not"),
    (
        """'{"price": 123456789.1234567, "quantity": 1}'::jsonb""",
        Line,
        "price has more digits than JSON's numbers keep",
    ),
    ("""'{"price": 1.5, "quantity": "odd"}'::jsonb""", Line, r"quantity must be int, not str"),
    ("""'{"price": 1.5, "quantity": null}'::jsonb""", Line, r"quantity must be int, not NoneType"),
    ("row('odd', null, null)", Annotated[Place, COMPOSITE], "number must not be null"),
    ("row('odd', 1)", Annotated[Place, COMPOSITE], "must have the attributes of Place"),
]


@pytest.mark.parametrize(("sql", "annotation", "fault"), UNREADABLE)
def test_a_column_that_does_not_fit_is_named_by_its_path_and_never_shown(
    shared_db: Database, sql: str, annotation: Any, fault: str
) -> None:
    read = _reading(sql, annotation)
    with shared_db.transaction() as tx:
        with pytest.raises(ResultError, match=f"^probe.probe: .*{fault}") as refused:
            read(tx)
        assert refused.value.__context__ is None
        assert "odd" not in str(refused.value)
        assert echo("integer", int)(tx, 1) == 1


def test_a_codec_that_raises_is_named_without_the_value(shared_db: Database) -> None:
    def refuse(value: object) -> Any:
        raise ValueError(value)

    broken = Annotated[Money, Codec(int, dump=refuse, load=refuse)]
    with pytest.raises(ParameterError, match=r"probe: value cannot be sent: .* ValueError") as sent:
        echo("bigint", broken, int)(shared_db, Money(77))
    with pytest.raises(ResultError, match=r"probe: .* cannot be read: .* ValueError") as read:
        _reading("77", broken)(shared_db)
    for error in (sent.value, read.value):
        assert "77" not in str(error)
        assert error.__context__ is None


TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")) | st.none()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Place, TEXTS, st.integers(-(2**63), 2**63 - 1))), TEXTS)
def test_any_texts_survive_in_nested_composites(
    shared_db: Database, places: list[Place], title: str | None
) -> None:
    trip = Trip(title or "", places, Mood.FINE)
    assert _TRIPS(shared_db, trip) == trip


@given(st.lists(TEXTS, min_size=1))
def test_a_composite_is_read_as_it_is_written(fields: list[str | None]) -> None:
    assert literals.read_composite(literals.composite(fields)) == fields
    assert literals.read_array(literals.array([fields, fields])) == [fields, fields]


@pytest.mark.parametrize("text", ["", "(", "x", '("a)', "(a,b"])
def test_a_broken_composite_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        literals.read_composite(text)


def test_a_class_whose_field_has_no_value_type_is_none() -> None:
    @dataclass
    class Odd:
        field: complex

    assert value_type(Odd) is None


_TRIPS = echo("forms.trip", Annotated[Trip, COMPOSITE])
