"""Wrong calls: what is missing, unknown or too much, and the name that was meant."""

import inspect
from collections.abc import Collection, Mapping
from inspect import Parameter, Signature
from typing import Any

_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class CallShape:
    """Which arguments a function takes; finds wrong calls before the function is called.

    A decorated function takes any arguments, and its errors name the inner one, or come after a
    transaction has begun.

    Args:
        signature: without the executor.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        parameters = [*signature.parameters.values()]
        places = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        named = {p.name for p in parameters if p.kind not in _VARIADIC}
        needed = {p.name for p in parameters if _is_needed(p)}
        taken = [{*places[:count]} for count in range(len(places) + 1)]
        # By the number of positional arguments: which names may follow, and which must.
        self._allowed = [frozenset(named - each) for each in taken]
        self._needed = [frozenset(needed - each) for each in taken]
        self._takes_more = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)

    def fits(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Say whether a call has the arguments that it needs, and no other ones."""
        count = len(args)
        if count >= len(self._allowed):
            if not self._takes_more:
                return False
            count = -1
        if not kwargs:
            return not self._needed[count]
        return self._needed[count] <= kwargs.keys() <= self._allowed[count]


def call_fault(
    label: str, signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> TypeError:
    """Return the error for a call that does not fit the signature."""
    return TypeError(f"{label}(): {_fault(signature, args, kwargs)}")


def _fault(signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    names = [p.name for p in signature.parameters.values() if p.kind not in _VARIADIC]
    unknown = next((name for name in kwargs if name not in names), None)
    if unknown is not None:
        return f"got an unexpected keyword argument {unknown!r}{_meant(unknown, names)}"
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError as error:
        return str(error)
    missing = [
        repr(p.name) for p in signature.parameters.values() if _is_needed(p) and p.name not in given
    ]
    what = "a required argument" if len(missing) == 1 else "required arguments"
    return f"missing {what}: {', '.join(missing)}"


def _meant(unknown: str, names: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only errors need it

    near = get_close_matches(unknown, names, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; it takes {', '.join(names)}" if names else "; it takes none"


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in _VARIADIC
