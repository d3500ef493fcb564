"""`oadb check` compares enums, composites, domains and ranges with their types in the database."""

# mypy: disable-error-code="empty-body"

from collections.abc import Generator
from dataclasses import dataclass, make_dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import psycopg
import pytest
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from oadb import COMPOSITE, Database
from oadb.tools.contract.comparison import disagreements
from tests.engine.binding.probes import probes
from tests.support.rig import Observer

SETUP = """
drop schema if exists checked cascade;
create schema checked;
create type checked.mood as enum ('fine', 'sad');
create domain checked.felt as checked.mood;
create domain checked.percent as integer;
create domain checked.score as checked.percent;
create type checked.place as (street text, number bigint);
create type checked.textrange as range (subtype = text);
"""


class Mood(Enum):
    FINE = "fine"
    SAD = "sad"


class Other(Enum):
    FINE = "fine"
    GLAD = "glad"


@dataclass
class Place:
    street: str | None
    number: int


@dataclass
class Swapped:
    number: int
    street: str


@dataclass
class Mistyped:
    street: int
    number: int


@pytest.fixture(scope="module", autouse=True)
def types(shared_url: str) -> Generator[None]:
    Observer(shared_url).rows(SETUP)
    yield
    Observer(shared_url).rows("drop schema checked cascade")


def found(url: str, db: Database, kind: str, annotation: Any) -> list[str]:
    """Return what is found about a parameter and a column of a type."""

    def probe(value: Any) -> Any: ...

    row = make_dataclass("Row", [("value", annotation)])
    probe.__annotations__ = {"value": annotation, "return": row}
    query = probes(f"-- name: probe\nselect :value::{kind} as value;")
    declared: Any = query(probe)
    query.complete()
    with psycopg.connect(url) as connection:
        return disagreements(db, connection, declared)


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [
        ("checked.mood", Mood),
        ("checked.felt", Mood),
        ("text", Mood),
        ("checked.mood", Literal["fine", "sad"]),
        ("checked.felt", Literal["sad", "fine"]),
        ("checked.mood[]", list[Mood]),
        ("checked.score", int),
        ("bigint[]", list[list[int]]),
        ("checked.place", Annotated[Place, COMPOSITE]),
        ("checked.place[]", list[Annotated[Place, COMPOSITE]]),
        ("jsonb", list[Place]),
        ("checked.textrange", Range[str]),
        ("int8multirange", Multirange[int]),
    ],
)
def test_types_that_agree_are_not_found(
    shared_url: str, shared_db: Database, kind: str, annotation: Any
) -> None:
    assert found(shared_url, shared_db, kind, annotation) == []


@pytest.mark.parametrize(
    ("kind", "annotation", "fault"),
    [
        ("checked.mood", Other, "mood, whose 'sad' is no member"),
        ("checked.mood", Other, "mood, which has no label 'glad'"),
        ("checked.mood[]", list[Other], "an array, whose items are mood, which has no label"),
        ("checked.mood", str, "mood"),
        ("checked.mood", Literal["fine", "glad"], "mood, whose 'sad' is no member"),
        ("checked.mood", Literal["fine", "glad"], "mood, which has no label 'glad'"),
        ("checked.mood[]", list[Literal["fine", "sad"]], "_mood"),
        ("checked.score", str, "int4"),
        ("bigint", Mood, "int8"),
        (
            "checked.place",
            Annotated[Swapped, COMPOSITE],
            "place, whose attributes are street, number",
        ),
        (
            "checked.place",
            Annotated[Mistyped, COMPOSITE],
            "place, whose street is declared as int, but is text",
        ),
        ("checked.place", Place, "place"),
        ("jsonb", Annotated[Place, COMPOSITE], "jsonb"),
        ("int8range", Range[str], "int8range, whose bounds are int8"),
        ("int8", Range[int], "int8"),
        ("text", list[list[int]], "text"),
    ],
)
def test_a_type_that_differs_is_found_for_parameter_and_column(
    shared_url: str, shared_db: Database, kind: str, annotation: Any, fault: str
) -> None:
    faults = found(shared_url, shared_db, kind, annotation)
    for what in ("parameter value is declared as .*; the server expects", "column value is .* is"):
        assert any(fault in each and each.startswith(what.split(".*")[0]) for each in faults), (
            faults
        )
