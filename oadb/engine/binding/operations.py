"""Operations: functions of several steps, written once as coroutines, for sync and async.

    @operation
    async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User: ...

    users.verify_password(db, "asha", password)          # over a Database
    await users.verify_password(adb, "asha", password)   # over an AsyncDatabase

Over a sync executor the coroutine runs to its end in place: each query it awaits completes at
once, and so does each computation it offloads.

As for queries, arguments are compared with their annotations before anything is done: value types,
Secret, dataclasses with their fields, and sequences of these. The function itself checks arguments
of other types.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from inspect import Parameter
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_type_hints, overload

from oadb.engine.batches import BatchedCalls, Pending
from oadb.engine.binding.arguments import require_window, shape_of
from oadb.engine.binding.call_faults import CallShape, call_fault
from oadb.engine.binding.objects import argument_kind
from oadb.engine.binding.quick_calls import OPERATION, quick
from oadb.engine.binding.values import fits
from oadb.engine.executor_faults import not_an_executor
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.reads.placing import require_reads

P = ParamSpec("P")
R = TypeVar("R")

# What takes operations beside a sync executor.
_OTHERS = (AsyncExecutor, BatchedCalls)


class Operation(Generic[P, R]):
    """A function of several steps; call it with an executor and its arguments."""

    def __init__(
        self, function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]]
    ) -> None:
        self._function = function
        functools.update_wrapper(self, function)
        self.label = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        if inspect.isfunction(function):  # a method has the name of its class
            function.__qualname__ = self.label  # Python warns of a coroutine by this name
        signature = inspect.signature(function)
        _, *parameters = signature.parameters.values()
        # As called over a Database: otherwise help() would show a coroutine function.
        executor = Parameter("db", Parameter.POSITIONAL_ONLY)
        self.__signature__ = signature.replace(parameters=[executor, *parameters])
        self._shape = CallShape(signature.replace(parameters=parameters))
        hints = get_type_hints(function, include_extras=True)
        kinds = {each.name: argument_kind(hints[each.name]) for each in parameters}
        self.kinds = {name: kind for name, kind in kinds.items() if kind is not None}
        self._exact = {name: kind.exact for name, kind in self.kinds.items()}
        self._places = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        needed = [p.name for p in parameters if p.default is p.empty]
        shape = shape_of(map(self.kinds.get, needed))
        if shape is not None and needed == self._places[: len(needed)]:
            self.__class__ = quick(Operation, shape, OPERATION)

    def __get__(self, instance: object, owner: type | None = None) -> "Operation[P, R]":
        """Return itself: ``help()`` treats an object with this method as a function."""
        return self

    @overload
    def __call__(self, db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(self, db: BatchedCalls, /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]: ...
    def __call__(self, db: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        """Run it; over an async executor, return the coroutine that runs it; in a batch, add it.

        Raises:
            ParameterError: an argument of another type; the text names the parameter.
        """
        is_sync = isinstance(db, Executor)
        if not (is_sync or isinstance(db, _OTHERS)):
            raise not_an_executor(self.label, db)
        if not self._shape.fits(args, kwargs):
            raise call_fault(self.label, self._shape.signature, args, kwargs)
        if db.takes_reads_only:
            require_reads(self.label, self._function)
        placed = zip(self._places, args, strict=False)
        if not self._are_exact(placed) or (kwargs and not self._are_exact(kwargs.items())):
            args, kwargs = self._checked(args, kwargs)
        if is_sync:
            return db._operate(lambda inner: self._function(inner, *args, **kwargs))
        if isinstance(db, BatchedCalls):
            return db._operate(self.label, lambda inner: self._function(inner, *args, **kwargs))
        return self._function(db, *args, **kwargs)

    def _are_exact(self, given: Iterable[tuple[str, Any]]) -> bool:
        """Say whether no value needs to be looked into."""
        for name, value in given:
            exact = self._exact.get(name)
            if exact is not None and not fits(value, exact):
                return False
        return True

    def _checked(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with their values in the form to send."""
        placed = dict(zip(self._places, args, strict=False))
        values = {
            name: self.kinds[name].checked(self.label, name, value) if name in self.kinds else value
            for name, value in (placed | kwargs).items()
        }
        require_window(self.label, values)
        first = [values[name] for name in placed]
        return (*first, *args[len(placed) :]), {name: values[name] for name in kwargs}


def operation(
    function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]],
) -> Operation[P, R]:
    """Make a coroutine function callable with sync and async executors."""
    return Operation(function)
