"""Value types: the Python annotations of parameters and columns, and their PostgreSQL types."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

from oadb.engine.binding.forms import Form, MisfitError
from oadb.errors import ParameterError
from oadb.security.secret import Secret

POSTGRES: dict[type, frozenset[str]] = {
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

# A value of the first type is not accepted as the second, although Python's isinstance does.
_NOT_INTERCHANGEABLE = ((bool, int), (bool, float), (datetime, date))

# How errors name types whose name alone is not enough.
_SHOWN_AS = {datetime: "datetime with a time zone", time: "time without a time zone"}


LEAST_INT, MOST_INT = -(2**63), 2**63 - 1
"""The values of bigint."""

EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""The times that can be read back in every time zone: Python's years end at 1 and 9999."""

_BOUNDS: dict[type, tuple[Any, Any, str]] = {
    int: (LEAST_INT, MOST_INT, "a whole number of at most 64 bits"),
    datetime: (EARLIEST, LATEST, "from 0001-01-02 to 9999-12-31 UTC"),
}


def bounds_broken(kind: type, values: Iterable[Any]) -> str | None:
    """Return what values of a type must be, if one of them could not be read back; else None."""
    if kind not in _BOUNDS:
        return None
    least, most, text = _BOUNDS[kind]
    return None if all(least <= value <= most for value in values) else text


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
        form: How it is sent and read, if psycopg alone does not.
    """

    python: type
    optional: bool = False
    array: bool = False
    choices: tuple[object, ...] = ()
    rule: Rule | None = None
    unset: bool = False
    form: Form | None = None

    @property
    def postgres(self) -> frozenset[str]:
        """The names in pg_type of the PostgreSQL types for which it is allowed."""
        if self.form is not None:
            return self.form.postgres
        names = POSTGRES[self.python]
        return frozenset(f"_{name}" for name in names) if self.array else names

    @property
    def exact(self) -> frozenset[type]:
        """The types whose values are accepted at once; a value of another one must be checked."""
        looked_into = self.array or self.unset or self.choices or self.rule is not None or self.form
        found = set[type]() if looked_into or self.python in {datetime, time} else {self.python}
        return frozenset({*found, type(None)} if self.optional else found)

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
        if self.form is not None:
            return self._formed(self.form, label, name, value)
        if not self.accepts(value):
            raise self._mismatch(label, name, value)
        if value is None or value is UNSET:
            return value
        given = value if self.array else [value]
        bounds = bounds_broken(self.python, given)
        if bounds is not None:
            raise wrong(label, name, bounds)
        if self.choices and not all(each in self.choices for each in given):
            members = ", ".join(map(str, self.choices))
            raise wrong(label, name, f"one of {members}")
        if self.rule is None:
            return value
        try:
            kept = [self.rule.check(each) for each in given]
            return kept if self.array else kept[0]
        except ValueError as error:
            fault = str(error)
        # Not raised in the except clause: the context of an error can hold the value.
        refusal = ParameterError(f"{label}: {name} {fault}")
        refusal.field, refusal.limit = name, self.rule.text
        raise refusal

    def _mismatch(self, label: str, name: str, value: Any) -> ParameterError:
        """Return the error for another type; of a list, that of its first wrong item."""
        if not (self.array and isinstance(value, list)):
            return mismatch(label, name, self, value)
        items = enumerate(cast("list[object]", value))
        number, item = next(pair for pair in items if not self._accepts_one(pair[1]))
        return mismatch(label, f"{name}[{number}]", ValueType(self.python), item)

    def _formed(self, form: Form, label: str, name: str, value: Any) -> Any:
        if (value is None and self.optional) or (value is UNSET and self.unset):
            return value
        if value is None:
            raise mismatch(label, name, self, value)
        try:
            return form.text(value)
        except MisfitError as misfit:
            fault = misfit.at(name)
        raise ParameterError(f"{label}: {fault}")

    def __str__(self) -> str:
        """Return it in the form of an annotation; a datetime or time says its time zone."""
        name = _SHOWN_AS.get(self.python, self.python.__name__)
        name = name if self.form is None else self.form.shown
        name = f"list[{name}]" if self.array else name
        return f"{name} | None" if self.optional else name


def mismatch(label: str, name: str, expected: ValueType, value: object) -> ParameterError:
    """Return the error for an argument of another type; it shows the type, never the value."""
    hint = "; wrap it: Secret(...)" if expected.python is Secret and isinstance(value, str) else ""
    given = type(value).__name__
    return wrong(label, name, str(expected), f", not {given}{hint}")


def wrong(label: str, name: str, limit: str, given: str = "") -> ParameterError:
    """Return the error for an argument that is not what it must be: *limit*.

    Args:
        given: goes on after the limit; it must not show the value.
    """
    error = ParameterError(f"{label}: {name} must be {limit}{given}")
    error.field, error.limit = name, limit
    return error
