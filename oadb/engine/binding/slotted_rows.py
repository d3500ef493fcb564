"""Frozen dataclasses with slots, made without their ``__init__``, at a fifth of its cost.

It sets each field by a call of ``object.__setattr__``. Here a class of the same layout that is not
frozen takes the values, and its instance becomes one of the dataclass: Python allows that where
bases and slots are the same (https://docs.python.org/3/reference/datamodel.html#object.__class__).
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any, cast

# The file that Python names for the functions that ``dataclass`` writes.
_WRITTEN = "<string>"


@cache
def maker(kind: Any) -> Callable[[Any], Any] | None:
    """Return what makes an instance of its values; None if ``__init__`` may do anything else."""
    if not _is_plain(kind):
        return None
    names = [each.name for each in dataclasses.fields(kind)]
    body = {"__slots__": kind.__slots__, "__setattr__": object.__setattr__}
    twin = type(kind.__name__, kind.__bases__, body)
    source = (
        "def make(values):\n"
        "    made = new(twin)\n"
        f"    {' '.join(f'made.{name},' for name in names)} = values\n"
        "    made.__class__ = kind\n"
        "    return made\n"
    )
    scope: dict[str, Any] = {"new": object.__new__, "twin": twin, "kind": kind}
    exec(source, scope)  # noqa: S102  # as dataclasses does: the names are those of fields
    make: Callable[[Any], Any] = scope["make"]
    try:
        make([None] * len(names))
    except TypeError:  # the layouts differ
        return None
    return make


def _is_plain(kind: Any) -> bool:
    """Say whether ``__init__`` only sets the slots, and nothing hears of another class."""
    params, own = kind.__dataclass_params__, cast("dict[str, Any]", vars(kind))
    return bool(
        params.frozen
        and kind.__dictoffset__ == 0
        and kind.__new__ is object.__new__
        and type(kind) is type
        and isinstance(own.get("__slots__"), tuple)
        and "__init__" in own
        and own["__init__"].__code__.co_filename == _WRITTEN
        and not hasattr(kind, "__post_init__")
        and all(each.init for each in dataclasses.fields(kind))
        and not any("__init_subclass__" in vars(base) for base in kind.__mro__[:-1])
    )
