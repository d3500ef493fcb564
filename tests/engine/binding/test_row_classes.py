"""Rows of every kind of class, each without that oadb imports its library."""

# mypy: disable-error-code="empty-body"

import subprocess
import sys
from dataclasses import InitVar, dataclass, field, make_dataclass
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from oadb import Database
from oadb.errors import DeclarationError, ResultError
from tests.engine.binding.probes import probes


class Pair(NamedTuple):
    number: int
    text: str | None


@dataclass(frozen=True, kw_only=True)
class ByName:
    number: int
    text: str | None = None
    twice: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", self.number * 2)


class Struct(msgspec.Struct, kw_only=True):
    number: int
    text: str | None


@attrs.frozen
class Attrs:
    number: int
    _text: str | None


class Model(pydantic.BaseModel):
    number: int = pydantic.Field(lt=100, alias="theNumber")
    text: str | None


class Inner(pydantic.BaseModel):
    sizes: list[int]


class Plain(msgspec.Struct):
    sizes: list[int]


@dataclass(frozen=True)
class Refusing:
    number: int
    text: str | None

    def __post_init__(self) -> None:
        if self.number > 10:
            raise ValueError(self.number)


def select(row: Any, sql: str = "select :number::bigint as number, 'a' as text") -> Any:
    """Declare a query with one parameter that returns a row of a class."""

    def probe(number: int) -> Any: ...

    probe.__annotations__["return"] = row
    query = probes(f"-- name: probe\n{sql};")
    declared = query(probe)
    query.complete()
    return declared


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (Pair, Pair(5, "a")),
        (ByName, ByName(number=5, text="a")),
        (Struct, Struct(number=5, text="a")),
        (Model, Model(theNumber=5, text="a")),
        (Refusing, Refusing(5, "a")),
    ],
)
def test_a_row_is_made_of_each_kind_of_class(shared_db: Database, kind: Any, row: Any) -> None:
    assert select(kind)(shared_db, 5) == row
    assert select(list[kind])(shared_db, 5) == [row]


@pytest.mark.parametrize("kind", [Pair, ByName, Struct, Model, Refusing])
def test_many_rows_are_made_of_each_kind_of_class(shared_db: Database, kind: Any) -> None:
    sql = "select n as number, 'a' as text from generate_series(1::bigint, :number) as n"
    found = select(list[kind], sql)(shared_db, 10)
    assert found == [select(kind)(shared_db, number) for number in range(1, 11)]


def test_an_attrs_row_takes_private_fields_by_their_aliases(shared_db: Database) -> None:
    made = select(Attrs, "select :number::bigint as number, 'a' as _text")(shared_db, 5)
    assert made == Attrs(5, "a")


@pytest.mark.parametrize("kind", [Model, Refusing])
def test_a_row_that_its_class_refuses_is_one_error_without_values(
    shared_db: Database, kind: Any
) -> None:
    read = select(kind)
    with shared_db.transaction() as tx:
        with pytest.raises(ResultError, match=r"^probe.probe: .*is refused by") as refused:
            read(tx, 777)
        assert "777" not in str(refused.value)
        assert refused.value.__context__ is None
        assert read(tx, 5).number == 5


def test_the_error_of_a_model_names_the_field(shared_db: Database) -> None:
    with pytest.raises(ResultError, match="theNumber is refused by Model: ValidationError"):
        select(Model)(shared_db, 777)


@pytest.mark.parametrize("kind", [Inner, Plain])
def test_jsonb_is_converted_by_the_library_of_its_class(shared_db: Database, kind: Any) -> None:
    def probe(value: Any) -> Any: ...

    row = make_dataclass("Row", [("value", kind)])
    probe.__annotations__ = {"value": kind, "return": row}
    query = probes("-- name: probe\nselect :value::jsonb as value;")
    read: Any = query(probe)
    query.complete()
    given = kind(sizes=[1, 2])
    assert read(shared_db, given).value == given
    bad = select(row, """select '{"sizes": ["odd"]}'::jsonb as value where :number > 0""")
    with pytest.raises(ResultError, match=r"probe.probe: value.* is refused by") as refused:
        bad(shared_db, 1)
    assert "odd" not in str(refused.value)


def test_an_init_var_is_refused_when_the_module_is_imported() -> None:
    @dataclass
    class Odd:
        number: int
        text: InitVar[str]

    with pytest.raises(DeclarationError, match="it returns Odd: its InitVar text is no column"):
        select(Odd)


def test_no_library_of_row_classes_is_imported() -> None:
    code = (
        "import sys, oadb.engine.binding.queries\n"
        "print({'pydantic', 'msgspec', 'attr', 'attrs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
