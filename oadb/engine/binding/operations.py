"""Operations: functions of several steps, written once as coroutines, for sync and async.

    @operation
    async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User: ...

    users.verify_password(db, "asha", password)          # over a Database
    await users.verify_password(adb, "asha", password)   # over an AsyncDatabase

Over a sync executor the coroutine runs to its end in place: each query it awaits completes at
once, and so does each computation it offloads.

As for queries, arguments are compared with their annotations before anything is done, if these are
value types, dataclasses or Secret. The function itself checks arguments of other types.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import is_dataclass
from inspect import Parameter
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from oadb.engine.binding.values import ValueType, mismatch, value_type, without_none
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.security.secret import Secret

P = ParamSpec("P")
R = TypeVar("R")


class Operation(Generic[P, R]):
    """A function of several steps; call it with an executor and its arguments."""

    def __init__(
        self, function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]]
    ) -> None:
        self._function = function
        functools.update_wrapper(self, function)
        # As called over a Database: otherwise help() would show a coroutine function.
        self.__signature__ = inspect.signature(function)
        self.label = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        _, *parameters = self.__signature__.parameters.values()
        kinds = {each.name: _kind(each.annotation) for each in parameters}
        self.kinds = {name: kind for name, kind in kinds.items() if kind is not None}
        self._exact = {name: kind.exact for name, kind in self.kinds.items()}
        self._places = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]

    def __get__(self, instance: object, owner: type | None = None) -> "Operation[P, R]":
        """Return itself: ``help()`` treats an object with this method as a function."""
        return self

    @overload
    def __call__(self, db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    def __call__(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it; over an async executor, return the coroutine that runs it.

        Raises:
            ParameterError: an argument of another type; the text names the parameter.
        """
        self._require_types(zip(self._places, args, strict=False))
        if kwargs:
            self._require_types(kwargs.items())
        if isinstance(db, Executor):
            return db.operate(lambda inner: self._function(inner, *args, **kwargs))
        return self._function(db, *args, **kwargs)

    def _require_types(self, arguments: Iterable[tuple[str, Any]]) -> None:
        for name, value in arguments:
            exact = self._exact.get(name)
            if exact is None or type(value) in exact or self.kinds[name].accepts(value):
                continue
            raise mismatch(self.label, name, self.kinds[name], value)


def _kind(annotation: Any) -> ValueType | None:
    """Return the type that an argument must have; None if the function itself checks it."""
    plain, optional = without_none(annotation)
    if plain is Secret or (isinstance(plain, type) and is_dataclass(plain)):
        return ValueType(plain, optional)
    return value_type(annotation)


def operation(
    function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]],
) -> Operation[P, R]:
    """Make a coroutine function callable with sync and async executors."""
    return Operation(function)
