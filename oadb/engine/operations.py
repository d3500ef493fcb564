"""Operations: more than one step, written once as a coroutine, for both colours of executor.

    @operation
    async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User: ...

    users.verify_password(db, "asha", password)          # over a Database
    await users.verify_password(adb, "asha", password)   # over an AsyncDatabase

Over a sync executor the coroutine runs to its end in place: each query it awaits completes at
once, and so does each computation it offloads.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from oadb.engine.executors import AsyncExecutor, Executor

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
        """Run it; over an async executor, return the coroutine that runs it."""
        if isinstance(db, Executor):
            return db.operate(lambda inner: self._function(inner, *args, **kwargs))
        return self._function(db, *args, **kwargs)


def operation(
    function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]],
) -> Operation[P, R]:
    """Make a coroutine function callable with either colour of executor."""
    return Operation(function)
