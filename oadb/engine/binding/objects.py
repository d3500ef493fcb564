"""Objects as arguments of operations: dataclasses, with their fields, and sequences of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast, get_args, get_origin, get_type_hints

from oadb.engine.binding.annotations import alternatives, value_type
from oadb.engine.binding.values import ValueType, fits, mismatch, wrong
from oadb.security.secret import Secret


@dataclass(frozen=True, slots=True)
class ObjectType:
    """The type of an argument that is a dataclass, or a sequence of one: ``Sequence[Mapping]``."""

    python: type
    optional: bool = False
    array: bool = False

    @property
    def exact(self) -> frozenset[type]:
        """No type: each object is looked into."""
        return frozenset()

    def checked(self, label: str, name: str, value: Any) -> Any:
        """Return the object, its values in the form to send.

        Raises:
            ParameterError: another type, or a field whose value is not allowed; never shown.
        """
        if value is None and self.optional:
            return None
        if not self.array:
            return self._object(label, name, value)
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise wrong(label, name, "a sequence", f", not {type(value).__name__}")
        items = enumerate(cast("Sequence[object]", value))
        return [self._object(label, f"{name}[{number}]", each) for number, each in items]

    def _object(self, label: str, name: str, value: Any) -> Any:
        if not isinstance(value, self.python):
            raise mismatch(label, name, ValueType(self.python, self.optional), value)
        changed: dict[str, Any] = {}
        for field, kind in _kinds(self.python).items():
            given = getattr(value, field)
            if not fits(given, kind.exact):
                sent = kind.checked(label, f"{name}.{field}", given)
                if sent is not given:
                    changed[field] = sent
        return _replaced(value, changed) if changed else value

    def __str__(self) -> str:
        """Return it in the form of an annotation."""
        name = f"Sequence[{self.python.__name__}]" if self.array else self.python.__name__
        return f"{name} | None" if self.optional else name


def _replaced(value: Any, changed: dict[str, Any]) -> Any:
    return dataclasses.replace(value, **changed)


class FormedValue(ValueType):
    """A value that a query sends in another form: it is checked, and passed on as it is."""

    __slots__ = ()

    def checked(self, label: str, name: str, value: Any) -> Any:
        """Return the value.

        Raises:
            ParameterError: it cannot be sent.
        """
        super().checked(label, name, value)
        return value


Kind = ValueType | ObjectType
"""The type of an argument of an operation."""


def argument_kind(annotation: Any) -> Kind | None:
    """Return the type that an argument must have; None if the function itself checks it."""
    plain, optional, unset = alternatives(annotation)
    if plain is Secret:
        return ValueType(Secret, optional, unset=unset)
    array = get_origin(plain) is Sequence
    single = get_args(plain)[0] if array else plain
    if isinstance(single, type) and dataclasses.is_dataclass(single):
        return ObjectType(single, optional, array)
    kind = value_type(annotation)
    if kind is None or kind.form is None:
        return kind
    return FormedValue(kind.python, kind.optional, unset=kind.unset, form=kind.form)


@cache
def _kinds(python: type) -> Mapping[str, Kind]:
    """Return the types of the fields that can be checked."""
    hints = get_type_hints(python, include_extras=True)
    names = [field.name for field in dataclasses.fields(python) if field.init]
    kinds = {name: argument_kind(hints[name]) for name in names}
    return {name: kind for name, kind in kinds.items() if kind is not None}
