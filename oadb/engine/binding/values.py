"""Value types: the Python annotations of parameters and columns, and their PostgreSQL types.

Every value is sent without a type, so that the server infers types from the statement, exactly as
PREPARE does when a DBA pastes it. psycopg alone would choose a type for each value (smallint for 1,
bigint for 3000000000), and prepare a statement for each.
"""

import re
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Union, cast, get_args, get_origin
from uuid import UUID

import psycopg
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.types.bool import BoolDumper
from psycopg.types.datetime import DateDumper, DatetimeDumper, TimedeltaDumper, TimeDumper
from psycopg.types.json import JsonbDumper
from psycopg.types.numeric import DecimalDumper, FloatDumper, Int8Dumper
from psycopg.types.string import BytesBinaryDumper, BytesDumper
from psycopg.types.uuid import UUIDDumper

from oadb.errors import ParameterError
from oadb.security.secret import Secret

_POSTGRES: dict[type, frozenset[str]] = {
    int: frozenset({"int2", "int4", "int8"}),
    float: frozenset({"float4", "float8"}),
    Decimal: frozenset({"numeric"}),
    bool: frozenset({"bool"}),
    str: frozenset({"text", "varchar", "bpchar", "name"}),
    bytes: frozenset({"bytea"}),
    date: frozenset({"date"}),
    datetime: frozenset({"timestamptz"}),
    time: frozenset({"time"}),
    timedelta: frozenset({"interval"}),
    UUID: frozenset({"uuid"}),
    dict: frozenset({"jsonb"}),
}

_DUMPERS: tuple[tuple[type, type[Dumper]], ...] = (
    (int, Int8Dumper),
    (float, FloatDumper),
    (Decimal, DecimalDumper),
    (bool, BoolDumper),
    (bytes, BytesDumper),
    (bytes, BytesBinaryDumper),
    (date, DateDumper),
    (datetime, DatetimeDumper),
    (time, TimeDumper),
    (timedelta, TimedeltaDumper),
    (UUID, UUIDDumper),
    (dict, JsonbDumper),
)

# A value of the first type is not accepted as the second, although Python's isinstance does.
_NOT_INTERCHANGEABLE = ((bool, int), (bool, float), (datetime, date))

# How errors name types whose name alone is not enough.
_SHOWN_AS = {datetime: "datetime with a time zone", time: "time without a time zone"}


def _untyped_adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    for python, dumper in _DUMPERS:
        adapters.register_dumper(python, type(f"Untyped{dumper.__name__}", (dumper,), {"oid": 0}))
    return adapters


class Untyped:
    """The context from which connections take their dumpers."""

    adapters = _untyped_adapters()
    connection = None


LEAST_INT, MOST_INT = -(2**63), 2**63 - 1
"""The values of bigint."""


def fits(value: object, exact: frozenset[type]) -> bool:
    """Say whether a value of one of the types can be sent as it is."""
    kind = type(value)
    return kind in exact and (kind is not int or LEAST_INT <= cast("int", value) <= MOST_INT)


class Unset(Enum):
    """The class of UNSET."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        """Return it as it is written."""
        return "UNSET"


UNSET = Unset.UNSET
"""The default of a field that an update leaves as it is; None sets the field to null."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be besides its type; metadata of an annotation: ``Annotated[int, Rule]``.

    Attributes:
        text: What the value must be, as ``help()`` shows it: "1 to 1000".
        check: Returns the value to send, which may be another form of the given one. Raises
            ValueError, whose text goes on after the name of the parameter: "must be 1 to 1000".
    """

    text: str
    check: Callable[[Any], Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of one parameter, column or single value: ``int``, ``str | None``, ``list[int]``.

    Attributes:
        choices: The members of a Literal; empty: any value of the type.
        unset: Whether UNSET is accepted as well.
    """

    python: type
    optional: bool = False
    array: bool = False
    choices: tuple[object, ...] = ()
    rule: Rule | None = None
    unset: bool = False

    @property
    def postgres(self) -> frozenset[str]:
        """The names in pg_type of the PostgreSQL types for which it is allowed."""
        names = _POSTGRES[self.python]
        return frozenset(f"_{name}" for name in names) if self.array else names

    @property
    def exact(self) -> frozenset[type]:
        """The types whose values are accepted at once; empty if each value must be checked."""
        looked_into = self.array or self.unset or self.choices or self.rule is not None
        if looked_into or self.python in {datetime, time}:
            return frozenset()
        return frozenset({self.python, type(None)} if self.optional else {self.python})

    def accepts(self, value: object) -> bool:
        """Say whether *value* may be sent."""
        if value is None:
            return self.optional
        if value is UNSET:
            return self.unset
        if self.array:
            return isinstance(value, list) and all(
                map(self._accepts_one, cast("list[object]", value))
            )
        return self._accepts_one(value)

    def _accepts_one(self, value: object) -> bool:
        if type(value) is self.python and self.python not in {datetime, time}:
            return True
        if any(
            isinstance(value, given) and self.python is wanted
            for given, wanted in _NOT_INTERCHANGEABLE
        ):
            return False
        if isinstance(value, datetime):
            return self.python is datetime and value.utcoffset() is not None
        if isinstance(value, time):
            return self.python is time and value.tzinfo is None
        return isinstance(value, (float, int) if self.python is float else self.python)

    def checked(self, label: str, name: str, value: Any) -> Any:
        """Return the value to send for an argument.

        Raises:
            ParameterError: another type, no member of the Literal, or against the rule. The text
                shows the type, never the value.
        """
        if not self.accepts(value):
            raise mismatch(label, name, self, value)
        if value is None or value is UNSET:
            return value
        given = value if self.array else [value]
        if self.python is int and not all(LEAST_INT <= each <= MOST_INT for each in given):
            raise ParameterError(f"{label}: {name} must be a whole number of at most 64 bits")
        if self.choices and not all(each in self.choices for each in given):
            members = ", ".join(map(str, self.choices))
            raise ParameterError(f"{label}: {name} must be one of {members}")
        if self.rule is None:
            return value
        try:
            kept = [self.rule.check(each) for each in given]
            return kept if self.array else kept[0]
        except ValueError as error:
            fault = str(error)
        # Not raised in the except clause: the context of an error can hold the value.
        raise ParameterError(f"{label}: {name} {fault}")

    def __str__(self) -> str:
        """Return it in the form of an annotation; a datetime or time says its time zone."""
        name = _SHOWN_AS.get(self.python, self.python.__name__)
        name = f"list[{name}]" if self.array else name
        return f"{name} | None" if self.optional else name


def mismatch(label: str, name: str, expected: ValueType, value: object) -> ParameterError:
    """Return the error for an argument of another type; it shows the type, never the value."""
    hint = "; wrap it: Secret(...)" if expected.python is Secret and isinstance(value, str) else ""
    given = type(value).__name__
    return ParameterError(f"{label}: {name} must be {expected}, not {given}{hint}")


def value_type(annotation: Any) -> ValueType | None:
    """Read an annotation; None if it is not a value type."""
    annotation, optional, unset = alternatives(annotation)
    array = get_origin(annotation) is list
    single, rule = _rule_of(get_args(annotation)[0] if array else annotation)
    choices = get_args(single) if get_origin(single) is Literal else ()
    python = _plain(single)
    if python not in _POSTGRES:
        return None
    return ValueType(python, optional, array, choices, rule, unset)


def without_none(annotation: Any) -> tuple[Any, bool]:
    """Split ``T | None`` into T and True; return any other annotation and False."""
    plain, optional, unset = alternatives(annotation)
    return (annotation, False) if unset else (plain, optional)


def alternatives(annotation: Any) -> tuple[Any, bool, bool]:
    """Return T of ``T | None | Unset``, and whether None and Unset are among its alternatives."""
    if get_origin(annotation) not in {Union, types.UnionType}:
        return annotation, False, False
    parts = get_args(annotation)
    rest = [part for part in parts if part not in {type(None), Unset}]
    if len(rest) != 1:
        return annotation, False, False
    return rest[0], type(None) in parts, Unset in parts


def _rule_of(annotation: Any) -> tuple[Any, Rule | None]:
    """Split ``Annotated[T, Rule(...)]`` into T and the rule."""
    if get_origin(annotation) is not Annotated:
        return annotation, None
    plain, *metadata = get_args(annotation)
    return plain, next((each for each in metadata if isinstance(each, Rule)), None)


def _plain(annotation: Any) -> Any:
    """Return the type behind a NewType, a Literal or a generic such as ``dict[str, object]``."""
    if isinstance(annotation, NewType):
        return _plain(annotation.__supertype__)
    if get_origin(annotation) is Literal:
        kinds: set[type] = {type(choice) for choice in get_args(annotation)}
        return kinds.pop() if len(kinds) == 1 else None
    return get_origin(annotation) or annotation


_UNSENDABLE = re.compile("[\0\ud800-\udfff]")

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Replaces a character that PostgreSQL's text cannot hold."""


def readable(text: str, longest: int) -> str:
    """Return *text*, cut, with UNREADABLE for characters that PostgreSQL's text cannot hold."""
    return _UNSENDABLE.sub(UNREADABLE, text[:longest])


def unsendable(value: object) -> str | None:
    """Return what in *value* cannot be sent as text, or None."""
    if isinstance(value, list):
        return next(filter(None, map(unsendable, cast("list[object]", value))), None)
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return None
    found = _UNSENDABLE.search(value)
    if found is None:
        return None
    if found[0] == "\0":
        return "a NUL character, which PostgreSQL's text cannot hold"
    return "a lone surrogate, which UTF-8 cannot represent"
