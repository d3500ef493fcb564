"""Annotations read as forms: arrays, ranges, enums, classes as jsonb or composites, codecs."""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, NewType, Union, cast, get_args, get_origin

from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from oadb.engine.binding import leaf_forms, literals
from oadb.engine.binding.class_forms import as_composite, as_json, below, fields_of
from oadb.engine.binding.forms import COMPOSITE, Codec, Form, MisfitError, each, expect, nullable
from oadb.engine.binding.row_classes import row_class
from oadb.engine.binding.values import ValueType

_RANGES = {
    "int4": "int4range", "int8": "int8range", "numeric": "numrange", "date": "daterange",
    "timestamptz": "tstzrange",
}  # fmt: skip  # a table

# Bounds that Python compares as PostgreSQL does, unlike texts.
_ORDERED = frozenset({int, Decimal, date, datetime})

Leaf = Callable[[Any], ValueType | None]


def form_of(annotation: Any, leaf: Leaf, *, inside: bool = False) -> Form | None:
    """Read an annotation; None if it has no form.

    Args:
        leaf: reads the annotation of a plain value.
        inside: whether a plain value has a form too, as part of another one.
    """
    if isinstance(annotation, NewType):
        return form_of(annotation.__supertype__, leaf, inside=inside)
    if get_origin(annotation) in {Union, UnionType}:
        return _union(get_args(annotation), leaf, inside=inside)
    if get_origin(annotation) is Annotated:
        return _annotated(annotation, leaf, inside=inside)
    plain = leaf(annotation) if inside else None
    if plain is not None and not plain.array:
        return leaf_forms.leaf(plain)
    return _generic(annotation, leaf)


def _generic(annotation: Any, leaf: Leaf) -> Form | None:
    origin: Any = get_origin(annotation)
    arguments: tuple[Any, ...] = get_args(annotation)
    if origin in {list, Range, Multirange}:
        item = form_of(arguments[0], leaf, inside=True)
        return item and _GENERIC[origin](item)
    if annotation in leaf_forms.ADDRESSES:
        return leaf_forms.address((annotation,))
    kind: Any = annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return leaf_forms.enum(kind)
    found = row_class(annotation)
    if found is None or found.problem:
        return None
    return as_json(found, lambda each: form_of(each, leaf, inside=True))


def _union(parts: tuple[Any, ...], leaf: Leaf, *, inside: bool) -> Form | None:
    rest: tuple[Any, ...] = tuple(part for part in parts if part is not type(None))
    if not rest:
        return None
    if len(rest) > 1:
        known = all(part in leaf_forms.ADDRESSES for part in rest)
        form = leaf_forms.address(rest) if known else None
    else:
        form = form_of(next(iter(rest)), leaf, inside=inside)
    return form and (nullable(form) if len(rest) < len(parts) else form)


def _annotated(annotation: Any, leaf: Leaf, *, inside: bool) -> Form | None:
    plain, *metadata = get_args(annotation)
    for each_ in metadata:
        if isinstance(each_, Codec):
            sent = form_of(each_.sent_as, leaf, inside=True)
            return sent and _coded(plain, each_, sent)
        if each_ is COMPOSITE:
            found = row_class(plain)
            fields = found and fields_of(found, lambda one: form_of(one, leaf, inside=True))
            return as_composite(found, fields) if found and fields else None
    return form_of(plain, leaf, inside=inside)


def array_of(item: Form) -> Form:
    """Return the form of arrays of a form; of jsonb, of one value that is a list."""
    if item.shape == "json":
        return _json_array(item)

    def nested(values: Any) -> list[Any]:
        expect(values, list, f"list[{item.shown}]")
        return each(item.nested or item.text, values)

    def read(values: Any) -> list[Any]:
        if isinstance(values, str):
            values = literals.read_array(values)
        expect(values, list, f"list[{item.shown}]")
        # The server does not keep the dimensions of an empty array.
        return each(item.read, values)

    encode, decode = item.encode, item.decode
    return Form(
        list,
        f"list[{item.shown}]",
        lambda values: literals.array(nested(values)),
        read,
        encode and (lambda values: each(encode, _listed(values))),
        decode and (lambda values: each(decode, _listed(values))),
        frozenset(f"_{name.removeprefix('_')}" for name in item.postgres),
        "array",
        (("", item),),
        nested=nested,
    )


def _listed(values: Any) -> list[Any]:
    expect(values, list, "a list")
    return cast("list[Any]", values)


def _json_array(item: Form) -> Form:
    """Return the form of one jsonb value that is a list."""
    encode, decode = cast("Any", item.encode), cast("Any", item.decode)

    def encoded(values: Any) -> list[Any]:
        return each(encode, _listed(values))

    def decoded(values: Any) -> list[Any]:
        return each(decode, _listed(json.loads(values) if isinstance(values, str) else values))

    return Form(
        list, f"list[{item.shown}]", lambda values: json.dumps(encoded(values)), decoded, encoded,
        decoded, frozenset({"jsonb"}), "json",
    )  # fmt: skip  # the order of its fields


def _range(item: Form) -> Form | None:
    names = frozenset(_RANGES[name] for name in item.postgres if name in _RANGES)
    shown = f"Range[{item.shown}]"

    def text(value: Any) -> str:
        expect(value, Range, shown)
        return _range_text(item, value)

    def read(value: Any) -> Any:
        return _ranges(item, shown, value)[0] if isinstance(value, str) else value

    return Form(Range, shown, text, read, postgres=names, shape="range", parts=(("", item),))


def _multirange(item: Form) -> Form | None:
    names = frozenset(
        _RANGES[name].replace("range", "multirange") for name in item.postgres if name in _RANGES
    )
    shown = f"Multirange[{item.shown}]"

    def text(value: Any) -> str:
        expect(value, Multirange, shown)
        return "{" + ",".join(_range_text(item, one) for one in value) + "}"

    def read(value: Any) -> Any:
        return Multirange(_ranges(item, shown, value)) if isinstance(value, str) else value

    return Form(
        Multirange, shown, text, read, postgres=names, shape="multirange", parts=(("", item),)
    )


def _range_text(item: Form, value: Any) -> str:
    if value.isempty:
        return literals.range_of(None)
    lower, upper = (
        None if one is None else below(step, item.text, one)
        for step, one in ((".lower", value.lower), (".upper", value.upper))
    )
    if item.python in _ORDERED and lower and upper and value.lower > value.upper:
        raise MisfitError("must not end before it begins")
    return literals.range_of((lower, upper, value.bounds))


def _ranges(item: Form, shown: str, text: str) -> list[Any]:
    try:
        found = [*literals.read_ranges(text)]
    except ValueError:
        raise MisfitError(f"must be {shown}") from None
    ranges: list[Any] = []
    for bounds in found:
        if bounds is None:
            ranges.append(Range(empty=True))
            continue
        lower, upper = (None if one is None else item.read(one) for one in bounds[:2])
        ranges.append(Range(lower, upper, bounds[2]))
    return ranges


_GENERIC: dict[type, Callable[[Form], Form | None]] = {
    list: array_of,
    Range: _range,
    Multirange: _multirange,
}


def _coded(plain: Any, codec: Codec, sent: Form) -> Form:
    """Return the form of a service's own type."""
    python = get_origin(plain) or plain
    shown = getattr(python, "__name__", str(python))

    def dump(value: Any) -> Any:
        if isinstance(python, type):
            expect(value, python, shown)
        return _called(codec.dump, value, f"cannot be sent: the codec of {shown} raised")

    def load(value: Any) -> Any:
        return _called(codec.load, value, f"cannot be read: the codec of {shown} raised")

    encode, decode = sent.encode, sent.decode
    return Form(
        python if isinstance(python, type) else object,
        shown,
        lambda value: sent.text(dump(value)),
        (lambda value: load(sent.read(value))),
        encode and (lambda value: encode(dump(value))),
        decode and (lambda value: load(decode(value))),
        sent.postgres,
        sent.shape,
        sent.parts,
        sent.labels,
    )


def _called(function: Callable[[Any], Any], value: Any, fault: str) -> Any:
    try:
        return function(value)
    except Exception as error:  # noqa: BLE001  # of the service: its text may show the value
        raise MisfitError(f"{fault} {type(error).__name__}") from None
