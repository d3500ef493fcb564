"""Settings of users, by typed keys.

THEME = user_settings.declare("chart.theme", str, default="light", choices=("light", "dark"))

user_settings.put(db, user_id, THEME.to("dark"))         # as many as you like, in one statement
user_settings.get(db, user_id, THEME)                    # "dark"; to type checkers a str
user_settings.get_all(db, user_id, THEME, SIZE)[THEME]   # the same, many with one statement

A service declares its keys where it is imported. Nothing is stored until somebody chooses; what was
chosen stays so, also where it is the default, until ``reset``.
"""

import re
from collections.abc import Callable, Collection, Coroutine, Mapping, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, cast, overload

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.errors import DeclarationError, ParameterError, SettingError
from oadb.validation.json_values import T, is_of, loaded, written

query = queries(__name__)

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")


class AnySettingKey(Protocol):
    """A key of whatever type."""

    @property
    def name(self) -> str:
        """What it is stored under."""
        ...

    def read(self, stored: str | None) -> object:
        """Return the value that is stored, or the default."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SettingKey(Generic[T]):
    """What a setting is called and what it may be; made by ``declare`` alone."""

    name: str
    default: str
    kind: type[T]
    _fits: Callable[[T], bool] = field(repr=False)

    def to(self, value: T) -> "Choice":
        """Return the choice of *value*, for ``put``. Raises ParameterError, which names the key.

        An object is a JSON document of bounded size and depth (see ``require_document``).
        """
        return Choice(self, _allowed(self.name, self.kind, value, self._fits))

    def read(self, stored: str | None) -> T:
        """Return the value that is stored, or the default.

        Raises SettingError, which names the key, where it is not one that the key allows any more.
        """
        with suppress(ValueError, RecursionError):  # numbers and depths that no key allows
            value = loaded(self.kind, self.default if stored is None else stored)
            if is_of(self.kind, value) and self._fits(value):
                return value
        raise SettingError(f"setting {self.name}: what is stored does not fit its key")


@dataclass(frozen=True, slots=True)
class Choice:
    """A key, and the JSON of a value that it allows."""

    key: AnySettingKey
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A value as it is stored: JSON."""

    user_id: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A change, values in JSON: None stands for the default. ``changed_by`` is a user."""

    user_id: int
    change_id: int
    changed_at: datetime
    changed_by: int | None
    name: str
    old_value: str | None
    new_value: str | None


@dataclass(frozen=True, slots=True)
class Values:
    """What a user chose for some keys; each is looked at when it is asked for."""

    _stored: Mapping[str, str | None] = field(repr=False)

    def __getitem__(self, key: SettingKey[T]) -> T:
        """Return the value of a key. Raises ParameterError for another key, and SettingError."""
        _require_declared([key])
        if key.name not in self._stored:
            raise ParameterError(f"setting {key.name}: its key was not asked for")
        return key.read(self._stored[key.name])


@query
def _find(user_id: int, name: str) -> str | None: ...


@query
def _find_all(user_id: int, names: list[str]) -> list[StoredSetting]: ...


@query
def list_by_user(user_id: int) -> list[StoredSetting]: ...


@query
def _put(user_id: int, changed_by: int, names: list[str], json_values: list[str]) -> list[str]: ...


@query
def _reset(user_id: int, changed_by: int, names: list[str]) -> list[str]: ...


@query
def list_changes(
    user_id: int, before: int | None = None, page_size: int = 100
) -> list[SettingChange]: ...


query.complete()

_declared: dict[str, AnySettingKey] = {}


def declare(
    name: str,
    kind: type[T],
    *,
    default: T,
    least: float | None = None,
    most: float | None = None,
    choices: Collection[T] | None = None,
    check: Callable[[T], bool] | None = None,
) -> SettingKey[T]:
    """Declare a setting: bool, int, float, str or dict[str, object].

    *least* and *most* bound a number, or the length of a text or an object; an int has 64 bits,
    whatever they are. *check* says whether a value is allowed. Raises DeclarationError for a name
    that is taken, or is not one to 100 of a-z, 0-9, _ and dots, and for a default that the key does
    not allow.
    """

    def fits(value: T) -> bool:
        size = _size(value)
        return (
            (least is None or size >= least)
            and (most is None or size <= most)
            and (choices is None or value in choices)
            and (check is None or check(value))
        )

    text = ""
    with suppress(ParameterError):
        text = _allowed(name, kind, default, fits)
    if not text or not _NAME.fullmatch(name):
        raise DeclarationError(f"setting {name!r}: its default or its name is not allowed")
    key = SettingKey(name, text, kind, fits)
    if _declared.setdefault(name, key) is not key:
        raise DeclarationError(f"setting {name}: it is declared twice")
    return key


@overload
def get(db: Executor, user_id: int, key: SettingKey[T]) -> T: ...
@overload
def get(db: AsyncExecutor, user_id: int, key: SettingKey[T]) -> Coroutine[object, object, T]: ...
def get(
    db: Executor | AsyncExecutor, user_id: int, key: SettingKey[T]
) -> T | Coroutine[object, object, T]:
    """Return what a user chose, or the default: one indexed lookup.

    Raises ParameterError for a key that was not declared, and SettingError where what is stored
    does not fit the key any more.
    """
    _require_declared([key])
    if isinstance(db, Executor):
        return key.read(_find(db, user_id, key.name))
    return _awaited(_find(db, user_id, key.name), key)


@operation
async def get_all(db: AsyncExecutor, user_id: int, *keys: AnySettingKey) -> Values:
    """Return what a user chose for some keys, with one statement; without keys, for every one.

    A value that does not fit its key raises where it is asked for, and spoils no other.
    """
    _require_declared(keys)
    names = [key.name for key in keys] or [*_declared]
    stored = {each.name: each.value for each in await _find_all(db, user_id, names)}
    return Values({name: stored.get(name) for name in names})


@operation
async def put(
    db: AsyncExecutor, user_id: int, *choices: Choice, changed_by: int | None = None
) -> int:
    """Store choices, all or none, with one statement; return how many have changed.

    *changed_by* is who chose, for the audit. None: the user, and not nobody, as in
    ``app_settings``. Under an identity (``db.as_user``) nobody else can be named: the database
    refuses, with InsufficientPrivilege. Raises ParameterError, and may raise ForeignKeyViolation
    (no such user) and CheckViolation (more than 64 KiB).
    """
    _require_choices(choices)
    chosen = {choice.key.name: choice.value for choice in choices}
    if len(chosen) < len(choices):
        raise ParameterError("user_settings.put: the same key twice")
    by = user_id if changed_by is None else changed_by
    async with db.transaction() as tx:
        changed = await _put(tx, user_id, by, [*chosen], [*chosen.values()])
        await _announce(tx, user_id, changed)
    return len(changed)


@operation
async def reset(
    db: AsyncExecutor, user_id: int, *keys: AnySettingKey, changed_by: int | None = None
) -> int:
    """Let the defaults of keys hold again; return how many values that were stored went.

    *changed_by* is as in ``put``. Raises ParameterError for a key that was not declared.
    """
    _require_declared(keys)
    by = user_id if changed_by is None else changed_by
    async with db.transaction() as tx:
        changed = await _reset(tx, user_id, by, [key.name for key in keys])
        await _announce(tx, user_id, changed)
    return len(changed)


async def _awaited(found: Coroutine[object, object, str | None], key: SettingKey[T]) -> T:
    return key.read(await found)


async def _announce(tx: AsyncExecutor, user_id: int, names: list[str]) -> None:
    """Tell listeners which setting is another one; of several, that it may be any."""
    key = names[0] if len(names) == 1 else ""
    await announcements.announce(tx, len(names), Change("settings", user_id, key))


def _require_choices(choices: Collection[Choice]) -> None:
    """Refuse what ``SettingKey.to`` would not have returned."""
    for choice in choices:
        if not isinstance(cast("object", choice), Choice):
            raise ParameterError("user_settings.put: a choice is none that SettingKey.to returned")
        _require_declared([choice.key])
        try:
            choice.key.read(str(choice.value))
        except SettingError:
            raise ParameterError(
                f"setting {choice.key.name}: this is no value that its key allows"
            ) from None


def _require_declared(keys: Collection[AnySettingKey]) -> None:
    for key in keys:
        name = getattr(key, "name", "")
        if name not in _declared or _declared[name] is not key:
            raise ParameterError("a key is none that user_settings.declare returned")


def _size(value: object) -> float:
    if isinstance(value, int | float):
        return value
    return len(value) if isinstance(value, Sized) else 0


def _allowed(name: str, kind: type[T], value: T, fits: Callable[[T], bool]) -> str:
    """Return the JSON of a value. Raises ParameterError for one that its key does not allow."""
    if not (is_of(kind, value) and fits(value)):
        raise ParameterError(f"setting {name}: this is no value that its key allows")
    return written(f"setting {name}", kind, value)
