"""Frozen dataclasses with slots, made without their ``__init__``, at a fifth of its cost.

It sets each field by a call of ``object.__setattr__``. Here a class of the same layout that is not
frozen takes the values, and its instance becomes one of the dataclass: Python allows that where
bases and slots are the same (https://docs.python.org/3/reference/datamodel.html#object.__class__).
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple, cast

# The file that Python names for the functions that ``dataclass`` writes.
_WRITTEN = "<string>"


def maker(kind: Any) -> Callable[[Any], Any] | None:
    """Return what makes an instance of its values; None if ``__init__`` may do anything else."""
    makers = _makers(kind)
    return None if makers is None else makers.one


def all_maker(kind: Any) -> Callable[[list[Any]], list[Any]] | None:
    """Return what makes instances of the values of each; None as ``maker`` does.

    At three quarters of its cost for one: they are allocated together.
    """
    makers = _makers(kind)
    return None if makers is None else makers.all


class _Makers(NamedTuple):
    one: Callable[[Any], Any]
    all: Callable[[list[Any]], list[Any]]


@cache
def _makers(kind: Any) -> _Makers | None:
    if not _is_plain(kind):
        return None
    names = [each.name for each in dataclasses.fields(kind)]
    body = {"__slots__": kind.__slots__, "__setattr__": object.__setattr__}
    twin = type(kind.__name__, kind.__bases__, body)
    fill = f"{' '.join(f'made.{name},' for name in names)} = values"
    source = (
        "def make(values):\n"
        "    made = new(twin)\n"
        f"    {fill}\n"
        "    made.__class__ = kind\n"
        "    return made\n"
        "def make_all(rows):\n"
        "    all_made = [*map(new, repeat(twin, len(rows)))]\n"
        "    for made, values in zip(all_made, rows):\n"
        f"        {fill}\n"
        "        made.__class__ = kind\n"
        "    return all_made\n"
    )
    scope: dict[str, Any] = {"new": object.__new__, "twin": twin, "kind": kind, "repeat": repeat}
    exec(source, scope)  # noqa: S102  # as dataclasses does: the names are those of fields
    try:
        scope["make"]([None] * len(names))
    except TypeError:  # the layouts differ
        return None
    return _Makers(scope["make"], scope["make_all"])


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
