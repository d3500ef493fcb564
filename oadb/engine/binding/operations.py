"""Operations: more than one step, written once as a coroutine, for both colours of executor.

    @operation
    async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User: ...

    users.verify_password(db, "asha", password)          # over a Database
    await users.verify_password(adb, "asha", password)   # over an AsyncDatabase

Over a sync executor the coroutine runs to its end in place: each query it awaits completes at
once, and so does each computation it offloads.

Arguments are held to their annotations, as those of queries are, before anything is done: values,
dataclasses and Secrets. What else a parameter may be, its function looks at.
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
    """A function of several steps: call it with an executor and its parameters."""

    def __init__(
        self, function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]]
    ) -> None:
        self._function = function
        functools.update_wrapper(self, function)
        # As it is called over a Database; help() would show a coroutine function otherwise.
        self.__signature__ = inspect.signature(function)
        self.label = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        _, *parameters = self.__signature__.parameters.values()
        kinds = {each.name: _kind(each.annotation) for each in parameters}
        self.kinds = {name: kind for name, kind in kinds.items() if kind is not None}
        self._exact = {name: kind.exact for name, kind in self.kinds.items()}
        self._places = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]

    def __get__(self, instance: object, owner: type | None = None) -> "Operation[P, R]":
        """Return itself; having this method makes ``help()`` treat it as the function it is."""
        return self

    @overload
    def __call__(self, db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    def __call__(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it; over an async executor, return the coroutine that runs it.

        Raises ParameterError, which names the parameter, for an argument of another type.
        """
        self._require(zip(self._places, args, strict=False))
        if kwargs:
            self._require(kwargs.items())
        if isinstance(db, Executor):
            return db.operate(lambda inner: self._function(inner, *args, **kwargs))
        return self._function(db, *args, **kwargs)

    def _require(self, arguments: Iterable[tuple[str, Any]]) -> None:
        for name, value in arguments:
            exact = self._exact.get(name)
            if exact is None or type(value) in exact or self.kinds[name].accepts(value):
                continue
            raise mismatch(self.label, name, self.kinds[name], value)


def _kind(annotation: Any) -> ValueType | None:
    """Return what an argument must be; None where its function looks at that itself."""
    plain, optional = without_none(annotation)
    if plain is Secret or (isinstance(plain, type) and is_dataclass(plain)):
        return ValueType(plain, optional)
    return value_type(annotation)


def operation(
    function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]],
) -> Operation[P, R]:
    """Make a coroutine function callable with either colour of executor."""
    return Operation(function)
