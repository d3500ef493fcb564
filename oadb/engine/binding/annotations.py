"""Annotations of parameters, columns and single values, read as value types."""

import types
from dataclasses import replace
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from oadb.engine.binding.compiled_forms import form_of
from oadb.engine.binding.forms import Codec, Composite
from oadb.engine.binding.values import POSTGRES, Rule, Unset, ValueType


def value_type(annotation: Any) -> ValueType | None:
    """Read an annotation; None if it is not a value type."""
    plain = _plain_type(annotation)
    if plain is not None:
        return plain
    single, optional, unset = alternatives(annotation)
    form = form_of(single, _plain_type)
    if form is None:
        return None
    optional = optional or form.optional
    shown = replace(form, shown=form.shown.removesuffix(" | None"), optional=False)
    return ValueType(form.python, optional, unset=unset, form=shown)


def _plain_type(annotation: Any) -> ValueType | None:
    """Read the annotation of a value that psycopg sends and loads."""
    annotation, optional, unset = alternatives(annotation)
    array = get_origin(annotation) is list
    given = get_args(annotation)[0] if array else annotation
    single, rule = _rule_of(given)
    choices = get_args(single) if get_origin(single) is Literal else ()
    python = _plain(single)
    if any(isinstance(each, Codec | Composite) for each in getattr(given, "__metadata__", ())):
        return None
    if python not in POSTGRES:
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
