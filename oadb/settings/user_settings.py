"""Settings of users, by typed keys.

THEME = user_settings.declare("chart.theme", str, default="light", choices=("light", "dark"))

user_settings.put(db, user_id, THEME.to("dark"))         # as many as you like, in one statement
user_settings.get(db, user_id, THEME)                    # "dark"; to type checkers a str
user_settings.get_all(db, user_id, THEME, SIZE)[THEME]   # the same, many with one statement

A service declares its keys at import. Nothing is stored until a value is put; a stored value stays,
even if it equals the default, until ``reset``.
"""

from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast, overload

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executor_faults import not_an_executor
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError, SettingError
from oadb.settings.setting_keys import (
    AnySettingKey,
    SettingChoice,
    SettingKey,
    declare,
    declared_names,
    require_declared,
)
from oadb.validation import owners
from oadb.validation.argument_rules import Duration, Positive
from oadb.validation.json_values import T

__all__ = [
    "AnySettingKey",
    "SettingChange",
    "SettingChoice",
    "SettingKey",
    "SettingValues",
    "StoredSetting",
    "declare",
    "delete_old_changes",
    "get",
    "get_all",
    "list_by_user",
    "list_changes",
    "put",
    "reset",
]

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A setting as it is stored; ``value`` is JSON."""

    user_id: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A change of a setting; its values are JSON, None is the default.

    ``changed_by`` is a user; None: the platform.
    """

    user_id: int
    change_id: int
    changed_at: datetime
    changed_by: int | None
    name: str
    old_value: str | None
    new_value: str | None


@dataclass(frozen=True, slots=True)
class SettingValues:
    """The settings of a user for some keys; each value is checked when it is read."""

    _stored: Mapping[str, str | None] = field(repr=False)

    def __getitem__(self, key: SettingKey[T]) -> T:
        """Return the value of a key.

        Raises:
            ParameterError: the key was not declared, or not among the keys of ``get_all``.
            SettingError: the key no longer allows the stored value.
        """
        require_declared([key])
        if key.name not in self._stored:
            raise ParameterError(f"setting {key.name}: it is not among the keys of get_all; add it")
        return key.read(self._stored[key.name])


@query
def _find(user_id: int, name: str) -> str | None: ...


@query
def _find_all(user_id: int, names: list[str]) -> list[StoredSetting]: ...


@query
def list_by_user(user_id: int) -> list[StoredSetting]:
    """List the settings that are stored for a user, by name."""
    ...


@query
def _put(
    user_id: int, *, by: int | None, names: list[str], json_values: list[str]
) -> list[str]: ...


@query
def _reset(user_id: int, *, by: int | None, names: list[str]) -> list[str]: ...


@query
def list_changes(
    user_id: int, *, cursor: str | None = None, limit: Limit = 100
) -> Page[SettingChange]:
    """List the changes of the settings of a user, newest first."""
    ...


@query
def delete_old_changes(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* changes of settings of users that are older; return how many.

    Raises:
        LockNotAvailable: another transaction holds one of them; the next call deletes it.
    """
    ...


query.complete()


@overload
def get(db: Executor, user_id: int, key: SettingKey[T]) -> T: ...
@overload
def get(db: AsyncExecutor, user_id: int, key: SettingKey[T]) -> Coroutine[object, object, T]: ...
def get(
    db: Executor | AsyncExecutor, user_id: int, key: SettingKey[T]
) -> T | Coroutine[object, object, T]:
    """Return the setting of a user, or the default: one indexed lookup.

    Raises:
        ParameterError: the key was not declared.
        SettingError: the key no longer allows the stored value.
    """
    if not isinstance(cast("object", db), (Executor, AsyncExecutor)):
        raise not_an_executor("user_settings.get", db)
    require_declared([key])
    if isinstance(db, Executor):
        return key.read(_find(db, user_id, key.name))
    return _awaited(_find(db, user_id, key.name), key)


get.__qualname__ = "user_settings.get"  # Python names it so if arguments are missing


@operation
async def get_all(db: AsyncExecutor, user_id: int, *keys: AnySettingKey) -> SettingValues:
    """Read the settings of a user for several keys with one statement; for all keys if none given.

    Returns:
        The values by key. A value that its key no longer allows raises only when it is read.

    Raises:
        ParameterError: a key was not declared.
    """
    require_declared(keys)
    names = [key.name for key in keys] or declared_names()
    stored = {each.name: each.value for each in await _find_all(db, user_id, names)}
    return SettingValues({name: stored.get(name) for name in names})


@operation
@owners.required
async def put(
    db: AsyncExecutor,
    user_id: int,
    *choices: SettingChoice,
    by: int | Unset | None = UNSET,
) -> int:
    """Store choices with one statement, all or none, and announce them.

    Args:
        by: the user who makes the change, for the audit; None: the platform. Not given, it is the
            user *user_id*.

    Returns:
        The number of settings that changed.

    Raises:
        ParameterError: a choice not made by ``SettingKey.to``, or two for the same key; or a value
            of more than 64 KiB.
        NoRowError: there is no user *user_id* or *by*. Under an identity (``db.as_user``) there is
            no other user.
        InsufficientPrivilege: under an identity, *by* is None (psycopg).
    """
    _require_choices(choices)
    chosen = {choice.key.name: choice.value for choice in choices}
    if len(chosen) < len(choices):
        raise ParameterError("user_settings.put: two choices for the same key; give one")
    actor = user_id if isinstance(by, Unset) else by

    @transacted
    async def work(tx: AsyncExecutor) -> list[str]:
        values = [*chosen.values()]
        changed = await _put(tx, user_id, by=actor, names=[*chosen], json_values=values)
        await _announce(tx, user_id, changed)
        return changed

    changed = await work(db)
    if not changed and actor != user_id:
        await owners.require_actor(db, "user_settings.put", actor)
    return len(changed)


@operation
async def reset(
    db: AsyncExecutor, user_id: int, *keys: AnySettingKey, by: int | Unset | None = UNSET
) -> int:
    """Delete stored values, so that the defaults apply again, and announce it.

    Args:
        by: as in ``put``.

    Returns:
        The number of values deleted.

    Raises:
        ParameterError: a key was not declared.
        NoRowError: there is no user *by*; see ``put``.
        InsufficientPrivilege: under an identity, *by* is None (psycopg).
    """
    require_declared(keys)
    actor = user_id if isinstance(by, Unset) else by

    @transacted
    async def work(tx: AsyncExecutor) -> list[str]:
        changed = await _reset(tx, user_id, by=actor, names=[key.name for key in keys])
        await _announce(tx, user_id, changed)
        return changed

    changed = await work(db)
    if not changed and actor != user_id:
        await owners.require_actor(db, "user_settings.reset", actor)
    return len(changed)


async def _awaited(found: Coroutine[object, object, str | None], key: SettingKey[T]) -> T:
    return key.read(await found)


async def _announce(tx: AsyncExecutor, user_id: int, names: list[str]) -> None:
    """Announce which setting changed; an empty name if there are several."""
    key = names[0] if len(names) == 1 else ""
    await announcements.announce(tx, len(names), Change("settings", user_id, key))


def _require_choices(choices: Collection[SettingChoice]) -> None:
    """Refuse choices that ``SettingKey.to`` did not make."""
    for choice in choices:
        if not isinstance(cast("object", choice), SettingChoice):
            raise ParameterError(
                "user_settings.put: a choice was not made by SettingKey.to; pass key.to(value)"
            )
        require_declared([choice.key])
        try:
            choice.key.read(str(choice.value))
        except SettingError:
            raise ParameterError(
                f"setting {choice.key.name}: its key does not allow this value; see its declaration"
            ) from None
