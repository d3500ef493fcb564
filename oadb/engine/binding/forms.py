"""Forms: how values are sent and read that psycopg alone does not convert.

A form is compiled once for an annotation: of closures, which a statement calls for its values.
Each value is sent as text, without a type, so that nothing is registered with a connection, and no
oid is needed, which differ between databases.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = Literal["plain", "enum", "json", "composite", "array", "range", "multirange"]


class MisfitError(Exception):
    """A value that does not fit; ``path`` leads to it within the argument or column."""

    def __init__(self, expected: str, path: str = "") -> None:
        super().__init__(expected)
        self.expected, self.path = expected, path

    def below(self, step: str) -> "MisfitError":
        """Return it as seen from the value around: ``.lines`` or ``[3]`` is the step to it."""
        return MisfitError(self.expected, step + self.path)

    def at(self, name: str) -> str:
        """Say what must be what, without the value."""
        return f"{name}{self.path} {self.expected}"


@dataclass(frozen=True, slots=True)
class Codec:
    """How a type of a service is sent: metadata of an annotation, beside the type itself.

        Cents = Annotated[Money, Codec(int, dump=Money.to_cents, load=Money.from_cents)]

    Attributes:
        sent_as: The annotation of what is sent, and of the column.
        dump: Returns what is sent for a value; an error is a ParameterError without the value.
        load: Returns the value; an error is a ResultError without the value.
    """

    sent_as: Any
    dump: Callable[[Any], Any] = field(kw_only=True, repr=False)
    load: Callable[[Any], Any] = field(kw_only=True, repr=False)


class Composite:
    """The class of COMPOSITE."""

    def __repr__(self) -> str:
        """Return it as it is written."""
        return "COMPOSITE"


COMPOSITE = Composite()
"""Metadata of an annotation: a class whose fields are the attributes of a composite type.

``Annotated[Address, COMPOSITE]``; without it, a class is sent as jsonb.
"""


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one annotation are sent and read; all functions raise MisfitError.

    Attributes:
        postgres: The names in pg_type of the types that it may have; of a shape, of its parts.
        text: Returns the text that is sent.
        read: Returns the value of what psycopg loads: its text, if psycopg does not know the type.
        encode, decode: The same in JSON; None if JSON cannot hold it.
        parts: Of an array or range its items, of a composite type its attributes by name.
        labels: Of an enum.
        nested: Of an array, what makes the lists of texts of its dimensions.
    """

    python: type
    shown: str
    text: Callable[[Any], str | None]
    read: Callable[[Any], Any]
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    postgres: frozenset[str] = frozenset()
    shape: Shape = "plain"
    parts: tuple[tuple[str, "Form"], ...] = ()
    labels: tuple[str, ...] = ()
    optional: bool = False
    nested: Callable[[Any], list[Any]] | None = None


def nullable(form: Form) -> Form:
    """Return the form that also holds nulls."""
    return Form(
        form.python, f"{form.shown} | None", _unless_null(form.text), _unless_null(form.read),
        form.encode and _unless_null(form.encode), form.decode and _unless_null(form.decode),
        form.postgres, form.shape, form.parts, form.labels, optional=True,
        nested=form.nested,
    )  # fmt: skip  # the order of its fields


def _unless_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def expect(value: object, kind: type | tuple[type, ...], shown: str) -> None:
    """Check the type of a value.

    Raises:
        MisfitError: it has another one.
    """
    if not isinstance(value, kind):
        raise MisfitError(f"must be {shown}, not {type(value).__name__}")


def each(convert: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Convert the items of a list; an error names the number of the item."""
    converted: list[Any] = []
    for number, value in enumerate(values):
        try:
            converted.append(convert(value))
        except MisfitError as misfit:
            raise misfit.below(f"[{number}]") from None
    return converted
