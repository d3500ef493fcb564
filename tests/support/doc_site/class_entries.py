"""The entries of public classes in the reference: their fields, properties and methods."""

import dataclasses
import enum
import inspect
from collections.abc import Iterator
from functools import cache
from textwrap import indent
from typing import Any, Literal, get_origin

from tests.support import public_api
from tests.support.doc_site import docstring_fields
from tests.support.public_api import PublicName

_UNLISTED = "   :no-contents-entry:\n"
"""The contents of a page list its functions and classes."""


def shown(function: Any) -> str:
    """Return the signature of a function as text, with the public names of Literals."""
    text = public_api.shown(inspect.signature(function))
    for literal, name in _literals().items():
        text = text.replace(literal, name)
    return text


@cache
def _literals() -> dict[str, str]:
    """Return the public names of Literals by their text, the longest first."""
    found = {
        public_api.annotation(repr(each.value)): each.name
        for each in public_api.names()
        if get_origin(each.value) is Literal
    }
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def entry(each: PublicName) -> str:
    """Return the entry of a public class with its members."""
    kind = each.value
    text = inspect.getdoc(kind) or ""
    _, sections = docstring_fields.split(text)
    said = {
        name.strip(): sentence
        for names, sentence in docstring_fields.items(sections.get("Attributes", ""))
        for name in names.split(",")
    }
    directive = "py:exception" if issubclass(kind, BaseException) else "py:class"
    bases = ", ".join(base.__name__ for base in kind.__bases__ if _is_shown(base))
    parts = [f"Bases: {bases}."] if bases else []
    parts = [docstring_fields.fields(text), *parts, *_members(kind, said)]
    return f".. {directive}:: {each.name}\n\n{indent(chr(10).join(_spaced(parts)), '   ')}"


def _spaced(parts: list[str]) -> Iterator[str]:
    for part in parts:
        yield part
        yield ""


def _is_shown(base: type) -> bool:
    return base is not object and not base.__name__.startswith("_")


def _members(kind: type, said: dict[str, str]) -> Iterator[str]:
    yield from _values(kind, said)
    for name, method in sorted(inspect.getmembers(kind)):
        owner = next((each for each in kind.__mro__ if name in vars(each)), object)
        if owner.__module__.startswith("oadb") and (name[0] != "_" or name in public_api.SPECIAL):
            yield from _member(name, method, said.get(name, ""))


def _values(kind: type, said: dict[str, str]) -> Iterator[str]:
    """Yield the entries of the members of an enumeration, or of fields and attributes."""
    if issubclass(kind, enum.Enum):
        for member in kind:
            yield f".. py:attribute:: {member.name}\n   :value: {member.value!r}\n{_UNLISTED}"
    elif dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if not field.name.startswith("_"):
                yield _attribute(field, said.get(field.name, ""))
    elif inspect.isfunction(kind.__init__) and kind.__init__.__module__.startswith("oadb"):
        yield _method("__init__", kind.__init__)
        for base in kind.__mro__:
            found = inspect.get_annotations(base) if base.__module__.startswith("oadb") else {}
            for name, annotation in found.items():
                yield _declared(name, annotation, said.get(name, ""))


def _attribute(field: "dataclasses.Field[Any]", text: str) -> str:
    if field.default is dataclasses.MISSING:
        return _declared(field.name, field.type, text)
    return _declared(field.name, field.type, text, f"   :value: {field.default!r}\n")


def _declared(name: str, annotation: object, text: str, value: str = "") -> str:
    option = f"   :type: {public_api.annotation(annotation)}\n{_UNLISTED}{value}"
    return f".. py:attribute:: {name}\n{option}\n{indent(text, '   ')}".rstrip()


def _member(name: str, method: Any, text: str) -> Iterator[str]:
    if isinstance(method, property):
        returned = inspect.get_annotations(method.fget or _member)["return"]
        body = docstring_fields.fields(inspect.getdoc(method) or text)
        option = f"   :type: {public_api.annotation(returned)}\n{_UNLISTED}"
        yield f".. py:property:: {name}\n{option}\n{indent(body, '   ')}".rstrip()
    elif callable(method) and not inspect.isclass(method):
        yield _method(name, method)


def _method(name: str, method: Any) -> str:
    option = ("   :async:\n" if inspect.iscoroutinefunction(method) else "") + _UNLISTED
    text = inspect.getdoc(method) or ""
    # What it means to be initialized stands in the text of the class.
    body = (
        "" if text == inspect.getdoc(getattr(object, name, None)) else docstring_fields.fields(text)
    )
    return f".. py:method:: {name}{shown(method)}\n{option}\n{indent(body, '   ')}".rstrip()
