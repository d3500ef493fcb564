"""Row classes: dataclasses, NamedTuple, msgspec.Struct, attrs classes and pydantic models.

No library is imported for them: a class of one shows what it is.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import starmap
from typing import Any, cast, get_type_hints

from oadb.engine.binding import slotted_rows


@dataclass(frozen=True, slots=True)
class RowClass:
    """What the fields of a class are, in order, and how one is made.

    Attributes:
        fields: Their annotations by name.
        keywords: The names by which it takes them; None if it takes them by position.
        refuses: Whether it may refuse values: it has validators, or code of its own.
        defaults: The fields that need not be given.
        problem: Why rows of it cannot be made; empty if they can.
    """

    python: type
    fields: Mapping[str, Any]
    keywords: tuple[str, ...] | None = None
    refuses: bool = False
    defaults: frozenset[str] = frozenset()
    problem: str = ""

    @property
    def make(self) -> Callable[[Any], Any]:
        """The function that makes one of the values in order.

        By position where it can be, which costs a third of by name.
        """
        python, keywords = cast("Any", self.python), self.keywords
        quick = slotted_rows.maker(python) if dataclasses.is_dataclass(self.python) else None
        if quick is not None:
            return quick
        if keywords is None:
            return lambda values: python(*values)
        return lambda values: python(**dict(zip(keywords, values, strict=True)))

    @property
    def make_all(self) -> Callable[[list[Any]], list[Any]]:
        """The function that makes one of each item of a list."""
        python, make = cast("Any", self.python), self.make
        quick = slotted_rows.all_maker(python) if dataclasses.is_dataclass(self.python) else None
        if quick is not None:
            return quick
        if self.keywords is None:
            return lambda rows: [*starmap(python, rows)]
        return lambda rows: [*map(make, rows)]


@cache
def row_class(annotation: Any) -> RowClass | None:
    """Read a class; None if it is not one of rows."""
    if not isinstance(annotation, type):
        return None
    for is_kind, read in _KINDS:
        if is_kind(annotation):
            return read(annotation)
    return None


def _is_pydantic(kind: Any) -> bool:
    return hasattr(kind, "model_fields") and hasattr(kind, "model_validate")


def _dataclass(kind: type) -> RowClass:
    hints = get_type_hints(kind, include_extras=True)
    fields = [each for each in dataclasses.fields(cast("Any", kind)) if each.init]
    names = tuple(each.name for each in fields)
    known: Any = getattr(kind, "__dataclass_fields__", {})
    extra = [name for name, each in known.items() if "INITVAR" in str(each._field_type)]
    return RowClass(
        kind,
        {name: hints[name] for name in names},
        names if any(each.kw_only for each in fields) else None,
        hasattr(kind, "__post_init__") or hasattr(kind, "__pydantic_validator__"),
        frozenset(each.name for each in fields if _has_default(each)),
        f"its InitVar {extra[0]} is no column" if extra else "",
    )


def _has_default(field: Any) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _named_tuple(kind: Any) -> RowClass:
    hints = get_type_hints(kind, include_extras=True)
    fields = {name: hints.get(name) for name in kind._fields}
    return RowClass(kind, fields, defaults=frozenset(kind._field_defaults))


def _struct(kind: Any) -> RowClass:
    hints = get_type_hints(kind, include_extras=True)
    names: tuple[str, ...] = kind.__struct_fields__
    # By name: keyword-only fields are not those at the end only if a class has a base.
    required = len(names) - len(kind.__struct_defaults__)
    return RowClass(
        kind,
        {name: hints[name] for name in names},
        names,
        hasattr(kind, "__post_init__"),
        frozenset(names[required:]),
    )


def _attrs(kind: Any) -> RowClass:
    hints = get_type_hints(kind, include_extras=True)
    fields = [each for each in kind.__attrs_attrs__ if each.init]
    return RowClass(
        kind,
        {each.name: hints.get(each.name) for each in fields},
        tuple(each.alias for each in fields),
        refuses=True,
    )


def _model(kind: Any) -> RowClass:
    hints = get_type_hints(kind, include_extras=True)
    aliases = {name: field.validation_alias for name, field in kind.model_fields.items()}
    return RowClass(
        kind,
        {name: hints[name] for name in kind.model_fields},
        tuple(alias if isinstance(alias, str) else name for name, alias in aliases.items()),
        refuses=True,
    )


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], RowClass]], ...] = (
    (lambda kind: hasattr(kind, "__attrs_attrs__"), _attrs),
    (lambda kind: hasattr(kind, "__struct_fields__"), _struct),
    (_is_pydantic, _model),
    (dataclasses.is_dataclass, _dataclass),
    (lambda kind: hasattr(kind, "_fields") and hasattr(kind, "_make"), _named_tuple),
)
