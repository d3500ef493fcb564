"""Rows that are made without ``__init__`` are those that it makes; where it does more, it runs."""

import copy
import pickle
import weakref
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.engine.binding import results, slotted_rows
from oadb.engine.binding.row_classes import row_class
from oadb.errors import ResultError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plain:
    """Fields, of which one has a default."""

    number: int
    text: str = "by default"


@dataclass(frozen=True, slots=True)
class Derived(Plain):
    """A field more."""

    more: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Referred:
    """One that a weak reference may point at."""

    number: int


@dataclass(frozen=True, slots=True)
class Checked:
    """One that looks at its values."""

    number: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", -self.number)


@dataclass(frozen=True, slots=True, init=False)
class OwnInit:
    """One with an ``__init__`` of its own."""

    number: int

    def __init__(self, number: int) -> None:
        object.__setattr__(self, "number", -number)


@dataclass(frozen=True, slots=True)
class OwnNew:
    """One that counts its instances."""

    number: int
    made: ClassVar[list[type]] = []

    def __new__(cls, *_: object) -> Self:
        cls.made.append(cls)
        return object.__new__(cls)


@dataclass(frozen=True, slots=True)
class Counted:
    """One with a field that is no parameter."""

    number: int
    seen: list[int] = field(init=False, default_factory=list[int])


@dataclass(frozen=True)
class WithDict:
    """One without slots."""

    number: int


@dataclass(slots=True)
class Changeable:
    """One that is not frozen."""

    number: int


class Registry:
    """A base that hears of its subclasses."""

    __slots__ = ()
    known: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        Registry.known.append(cls.__name__)


@dataclass(frozen=True, slots=True)
class Registered(Registry):
    """A class of it."""

    number: int


@dataclass(frozen=True, slots=True)
class Box(Generic[T]):
    """A generic one."""

    content: T


@pytest.mark.parametrize("kind", [Plain, Derived])
def test_a_plain_row_is_made_without_its_init(kind: Any) -> None:
    assert slotted_rows.maker(kind) is not None


@pytest.mark.parametrize(
    "kind",
    [Checked, OwnInit, OwnNew, Counted, WithDict, Changeable, Registered, Box],
)
def test_a_class_that_may_do_more_than_set_fields_is_made_by_its_init(kind: Any) -> None:
    assert slotted_rows.maker(kind) is None
    assert make(kind, 7) == kind(7)


def test_a_class_that_a_weak_reference_may_point_at_stays_so() -> None:
    """From 3.12 on Python allows it to be made without its init, before not."""
    made = make(Referred, 7)

    assert made == Referred(7)
    assert weakref.ref(made)() is made


def test_no_base_hears_of_another_class() -> None:
    make(Registered, 1)
    assert Registry.known.count("Registered") == len(Registry.known)


@given(st.integers(), st.text(), st.lists(st.none()))
def test_a_row_is_the_one_that_its_init_makes(number: int, text: str, more: list[None]) -> None:
    row, wanted = make(Derived, number, text, tuple(more)), Derived(number, text, tuple(more))

    assert type(row) is Derived
    assert (row, repr(row), hash(row)) == (wanted, repr(wanted), hash(wanted))
    assert pickle.loads(pickle.dumps(row)) == wanted  # its own bytes
    assert copy.deepcopy(row) == wanted
    with pytest.raises(FrozenInstanceError):
        row.number = 5
    assert not hasattr(row, "__dict__")


@pytest.mark.parametrize(
    "kind",
    [Plain, Referred, Checked, OwnInit, OwnNew, Counted, WithDict, Changeable, Registered, Box],
)
def test_rows_that_are_made_together_are_those_that_are_made_one_by_one(kind: Any) -> None:
    found = row_class(kind)
    assert found is not None
    values = [(number, "a") if kind is Plain else (number,) for number in range(3)]
    rows = found.make_all(values)

    assert rows == [kind(*each) for each in values]
    assert {*map(type, rows)} == {kind}
    assert found.make_all([]) == []


def test_too_few_values_are_refused_as_by_its_init() -> None:
    found = row_class(Derived)
    assert found is not None
    with pytest.raises(ValueError, match="not enough values"):
        found.make_all([(1, "a", ()), (1, "a")])


def make(kind: Any, *values: object) -> Any:
    found = row_class(kind)
    assert found is not None
    return found.make(values)


@dataclass(frozen=True, slots=True)
class Listed:
    """One with a list, whose items are never None."""

    number: int
    texts: list[str] | None


@pytest.mark.parametrize("texts", [["a"], [], None])
def test_a_list_is_what_was_read(texts: list[str] | None) -> None:
    make, make_all = results.of("many", Listed).makers("probe.list")
    assert make((1, texts)) == Listed(1, texts)
    assert make_all([(1, texts), (2, texts)]) == [Listed(1, texts), Listed(2, texts)]


def test_a_list_that_holds_a_null_is_refused_by_its_name_and_never_shown() -> None:
    make, make_all = results.of("many", Listed).makers("probe.list")
    for refuse in (lambda: make((1, ["odd", None])), lambda: make_all([(1, ["odd", None])])):
        with pytest.raises(
            ResultError, match=r"^probe.list: texts must not hold a null"
        ) as refused:
            refuse()
        assert refused.value.__context__ is None
        assert "odd" not in str(refused.value)
