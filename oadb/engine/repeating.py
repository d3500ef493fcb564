"""Transactions of operations, repeated if the server rolled them back."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from oadb.engine.executors import AsyncExecutor

P = ParamSpec("P")
R = TypeVar("R")


def transacted(
    work: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, R]]:
    """Decorate a coroutine function that must run in a transaction, and may run more than once.

    Over a Database it runs in a transaction of its own, and again after a serialization failure, a
    deadlock, or a connection lost before COMMIT; see ``transact``. In a transaction of the caller
    it runs once, in a nested one: only the caller can repeat the whole.
    """

    @wraps(work)
    async def run(db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await db._operate_in_transaction(lambda tx: work(tx, *args, **kwargs))

    return run
