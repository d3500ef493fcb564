"""Owners: the users whose rows are written, and the users who write."""

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec, TypeVar

from psycopg.errors import ForeignKeyViolation

from oadb.engine.executors import AsyncExecutor
from oadb.errors import NoRowError

P = ParamSpec("P")
R = TypeVar("R")


def required(
    write: Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]],
) -> Callable[Concatenate[AsyncExecutor, P], Coroutine[object, object, R]]:
    """Decorate an operation that inserts rows of a user: it raises NoRowError for an unknown one.

    The foreign key refuses the row, so that no statement is needed to look for the user.

    Raises:
        NoRowError: by the decorated operation; there is no such user, and nothing was changed.
    """

    @wraps(write)
    async def owned(db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await write(db, *args, **kwargs)
        except ForeignKeyViolation as refusal:
            if not (refusal.diag.constraint_name or "").endswith("_user_id_fkey"):
                raise
        label = f"{write.__module__.rpartition('.')[2]}.{write.__name__}"
        user_id = signature(write).bind(db, *args, **kwargs).arguments["user_id"]
        raise NoRowError(f"{label}: there is no user {user_id}")

    return owned
