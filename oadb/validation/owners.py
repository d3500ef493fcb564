"""Owners: the users whose rows are written; actors: the users who write them.

A statement that takes an actor, ``:by``, writes nothing if there is no such user. It locks the
user, so that nobody is named who was deleted meanwhile:

    where
        :by::bigint is null
        or exists (
            select from oadb.users
            where users.user_id = :by
            for key share
        )

Its operation then calls ``require_actor``, so that only a write that changed nothing costs another
round trip.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec, TypeVar

from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ConflictError, NoRowError

P = ParamSpec("P")
R = TypeVar("R")

query = queries(__name__)


@query
def _find(user_id: int) -> int | None: ...


query.complete()


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
        except ConflictError as refusal:
            if not refusal.constraint.endswith("_user_id_fkey"):
                raise
        label = f"{write.__module__.rpartition('.')[2]}.{write.__name__}"
        user_id = signature(write).bind(db, *args, **kwargs).arguments["user_id"]
        raise NoRowError(f"{label}: there is no user {user_id}")

    return owned


async def require_actor(db: AsyncExecutor, label: str, by: int | None) -> None:
    """Raise if an actor is not a user; for an operation whose statement wrote nothing.

    Args:
        label: the operation, with which the error begins.
        by: the actor; None is the platform. Under an identity (``db.as_user``) row-level security
            hides all other users, so that only the user of the identity is found.

    Raises:
        NoRowError: there is no such user.
    """
    if by is not None and await _find(db, by) is None:
        raise NoRowError(f"{label}: there is no user {by}")
