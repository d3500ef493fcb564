"""Forms of classes, as jsonb or as composite values; both ways are checked."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from oadb.engine.binding import literals
from oadb.engine.binding.forms import Form, MisfitError, expect
from oadb.engine.binding.row_classes import RowClass

Compile = Callable[[Any], Form | None]

# The forms of classes that are being compiled: a class may hold others of itself.
_BEGUN: dict[type, Form] = {}


def fields_of(found: RowClass, compile_: Compile) -> dict[str, Form] | None:
    """Return the forms of the fields of a class; None if one has none."""
    forms = {name: compile_(annotation) for name, annotation in found.fields.items()}
    known = {name: form for name, form in forms.items() if form is not None}
    return known if known and len(known) == len(forms) else None


def as_json(found: RowClass, compile_: Compile) -> Form | None:
    """Return the form of a class as jsonb; pydantic and msgspec convert their own."""
    if found.python in _BEGUN:
        return _BEGUN[found.python]
    fields: dict[str, Form] = {}
    encode, decode = _own(found.python) or _fieldwise(found, fields)

    def read(value: Any) -> Any:
        return decode(json.loads(value) if isinstance(value, str) else value)

    form = Form(
        found.python, found.python.__name__, lambda value: json.dumps(encode(value)), read, encode,
        decode, frozenset({"jsonb"}), "json",
    )  # fmt: skip  # the order of its fields
    if _own(found.python):
        return form
    _BEGUN[found.python] = form
    try:
        fields.update(fields_of(found, compile_) or {})
    finally:
        del _BEGUN[found.python]
    return form if fields and all(each.encode for each in fields.values()) else None


def _fieldwise(
    found: RowClass, fields: Mapping[str, Form]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    shown, make = found.python.__name__, maker(found)

    def encode(value: Any) -> dict[str, Any]:
        expect(value, found.python, shown)
        return {
            name: below(f".{name}", cast("Any", form.encode), getattr(value, name))
            for name, form in fields.items()
        }

    def decode(value: Any) -> Any:
        expect(value, dict, shown)
        unknown = sorted(value.keys() - fields.keys())
        if unknown:
            raise MisfitError(f"has a key that {shown} does not have")
        missing = [name for name in fields if name not in value and name not in found.defaults]
        if missing:
            raise MisfitError(f"has no key {missing[0]}")
        if len(value) < len(fields):
            return _with_defaults(found, fields, value)
        return make(
            [
                below(f".{name}", cast("Any", form.decode), value[name])
                for name, form in fields.items()
            ]
        )

    return encode, decode


def _with_defaults(found: RowClass, fields: Mapping[str, Form], value: dict[str, Any]) -> Any:
    keywords = found.keywords or tuple(found.fields)
    given = {
        keyword: below(f".{name}", cast("Any", form.decode), value[name])
        for keyword, (name, form) in zip(keywords, fields.items(), strict=True)
        if name in value
    }
    return refusing(found, lambda _: found.python(**given))(())


def _own(python: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]] | None:
    """Return the conversions of a library for its own class."""
    if hasattr(python, "model_validate"):
        return _of_library(
            python,
            lambda value: value.model_dump(mode="json", by_alias=True),
            python.model_validate,
        )
    if hasattr(python, "__struct_fields__"):
        import msgspec  # noqa: PLC0415  # installed, as the class is one of its own

        return _of_library(
            python, msgspec.to_builtins, lambda value: msgspec.convert(value, python)
        )
    return None


def _of_library(
    python: type, encode: Callable[[Any], Any], decode: Callable[[Any], Any]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    def encoded(value: Any) -> Any:
        expect(value, python, python.__name__)
        return _refused(python, encode, value)

    return encoded, lambda value: _refused(python, decode, value)


def maker(found: RowClass) -> Callable[[Any], Any]:
    """Return what makes one of its values in order, and reports its refusal as a MisfitError."""
    return refusing(found, found.make) if found.refuses else found.make


def refusing(found: RowClass, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *make*, whose errors become Misfits without values."""
    return lambda values: _refused(found.python, make, values)


def _refused(python: type, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except MisfitError:
        raise
    except Exception as error:  # noqa: BLE001  # of the class: its text may show the value
        path = _path_of(error)
        fault = f"is refused by {python.__name__}: {type(error).__name__}"
    raise MisfitError(fault, path)


def _path_of(error: Any) -> str:
    """Return where in the value a pydantic ValidationError was first found."""
    if not callable(getattr(error, "errors", None)):
        return ""
    found: Any = error.errors(include_input=False, include_url=False)[:1]
    steps: tuple[object, ...] = found[0]["loc"] if found else ()
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def below(step: str, convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert a part; its error names the step to it."""
    try:
        return convert(value)
    except MisfitError as misfit:
        raise misfit.below(step) from None


def as_composite(found: RowClass, fields: Mapping[str, Form]) -> Form:
    """Return the form of a class whose fields are the attributes of a composite type."""
    shown, make = found.python.__name__, maker(found)

    def text(value: Any) -> str:
        expect(value, found.python, shown)
        return literals.composite(
            [below(f".{name}", form.text, getattr(value, name)) for name, form in fields.items()]
        )

    def read(value: Any) -> Any:
        texts: Sequence[str | None] = ()
        # An anonymous record comes as a tuple, of whose items psycopg knows no types.
        is_record = isinstance(value, tuple)
        with suppress(ValueError, TypeError):
            texts = cast("Sequence[Any]", value) if is_record else literals.read_composite(value)
        if len(texts) != len(fields):
            raise MisfitError(f"must have the attributes of {shown}")
        given = zip(fields.items(), texts, strict=True)
        return make([_attribute(name, form, one) for (name, form), one in given])

    return Form(found.python, shown, text, read, shape="composite", parts=tuple(fields.items()))


def _attribute(name: str, form: Form, text: str | None) -> Any:
    if text is None and not form.optional:
        raise MisfitError("must not be null", f".{name}")
    return below(f".{name}", form.read, text)
