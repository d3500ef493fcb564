"""Refuses what must run on the primary, before anything is sent to a replica."""

import dis
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast

from oadb.engine.binding.declarations import Declaration
from oadb.errors import MisplacedError

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST")
_MEMBERS = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def require_read(query: Any) -> None:
    """Refuse a statement, or several that are sent together, if one of them is misplaced.

    Raises:
        MisplacedError: it writes, or stays on the primary by its comment.
    """
    reason = query.misplacement
    if not reason and query.guards.isolation == "serializable":
        reason = "its isolation is serializable, which no replica has"
    if reason:
        raise MisplacedError(f"{query.label}: {reason}; {_ADVICE}")


_ADVICE = (
    "db.reads() may be a replica, so call it over the Database itself, or in a transaction of it"
)


def require_reads(label: str, function: Callable[..., Any]) -> None:
    """Refuse an operation if a statement that its code names, or what that calls, is misplaced.

    Raises:
        MisplacedError: one is.
    """
    found = first_misplaced(function)
    if found is not None:
        raise MisplacedError(f"{label} runs {found.label}: {found.misplacement}; {_ADVICE}")


@cache
def first_misplaced(function: Callable[..., Any]) -> Declaration | None:
    """Return a statement that an operation may run and that must not run on a replica."""
    return next((each for each in reached(function) if each.misplacement), None)


def reached(function: Callable[..., Any]) -> Iterator[Declaration]:
    """Yield the statements that a function may run, itself or by functions of its package.

    Read from its code: what it names of its module, of other modules, and of objects there. What is
    called in other ways is not followed, so executors compare each statement as well.
    """
    first = inspect.unwrap(function)
    packages = {_package(first), "oadb"}
    seen: set[object] = {first}
    waiting = [first]
    while waiting:
        for found in _named(waiting.pop()):
            if isinstance(found, Declaration):
                yield found
                continue
            inner = inspect.unwrap(found) if callable(found) else None
            if not isinstance(inner, FunctionType | MethodType) or inner in seen:
                continue
            seen.add(inner)
            if _package(inner) in packages and not inner.__module__.startswith("oadb.engine."):
                waiting.append(inner)


def _package(function: Callable[..., Any]) -> str:
    return function.__module__.partition(".")[0]


def _named(function: Callable[..., Any]) -> Iterator[Any]:
    """Yield what the code of a function names: globals, its closure, and members of both."""
    closed = inspect.getclosurevars(cast("FunctionType", function)).nonlocals
    known = {**function.__globals__, **closed}
    if isinstance(function, MethodType):
        known[function.__code__.co_varnames[0]] = function.__self__
    for code in _codes(function.__code__):
        holder: Any = None
        for step in dis.get_instructions(code):
            found = None
            if step.opname.startswith(_LOADS):
                # Python 3.13 loads two at once; the latter is what a member is taken of.
                loaded: Any = step.argval
                found = known.get(loaded if type(loaded) is str else loaded[-1])
            elif step.opname in _MEMBERS and holder is not None:
                found = _member(holder, step.argval)
            holder = found
            if found is not None:
                yield found


def _member(holder: object, name: str) -> Any:
    """Return a member of a module, class or object, without running any code of it."""
    found = inspect.getattr_static(holder, name, None)
    if isinstance(found, classmethod):
        return MethodType(cast("Any", found).__func__, holder)
    if isinstance(found, FunctionType) and not isinstance(holder, ModuleType | type):
        return MethodType(found, holder)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
