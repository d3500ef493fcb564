"""Keys of user settings: the name of each, its type, its default, and the values it allows."""

import re
from collections.abc import Callable, Collection, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol

from oadb.errors import DeclarationError, ParameterError, SettingError
from oadb.validation.json_values import T, is_of, loaded, written

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")


class AnySettingKey(Protocol):
    """A key of any type."""

    @property
    def name(self) -> str:
        """The name it is stored under."""
        ...

    def read(self, stored: str | None) -> object:
        """Return the stored value, or the default."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SettingKey(Generic[T]):
    """The name of a setting and the values it allows; made by ``declare`` only."""

    name: str
    default: str
    kind: type[T]
    _fits: Callable[[T], bool] = field(repr=False)

    def to(self, value: T) -> "SettingChoice":
        """Return *value* as a choice for ``put``.

        An object is a JSON document of bounded size and depth (see ``require_document``).

        Raises:
            ParameterError: the key does not allow the value; the text names the key.
        """
        return SettingChoice(self, _allowed(self.name, self.kind, value, self._fits))

    def read(self, stored: str | None) -> T:
        """Return the stored value, or the default.

        Raises:
            SettingError: the key no longer allows the stored value; the text names the key.
        """
        with suppress(ValueError, RecursionError):  # numbers too large, nesting too deep
            value = loaded(self.kind, self.default if stored is None else stored)
            if is_of(self.kind, value) and self._fits(value):
                return value
        raise SettingError(f"setting {self.name}: the stored value does not fit its key")


@dataclass(frozen=True, slots=True)
class SettingChoice:
    """A key, and the JSON of a value it allows."""

    key: AnySettingKey
    value: str = field(repr=False)


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

    Args:
        name: 1 to 100 of a-z, 0-9, _ and dots, beginning with a letter.
        least: lower bound of a number, or of the length of a text or an object.
        most: upper bound of the same; an int has at most 64 bits in any case.
        choices: the values that are allowed; None: not only certain ones.
        check: returns whether a value is allowed.

    Returns:
        The key, for ``get``, ``put`` and ``reset``.

    Raises:
        DeclarationError: an invalid or taken name, or a default that the key does not allow.
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


def declared_names() -> list[str]:
    """Return the names of all declared keys."""
    return [*_declared]


def require_declared(keys: Collection[AnySettingKey]) -> None:
    """Refuse keys that ``declare`` did not return.

    Raises:
        ParameterError: a key was not declared.
    """
    for key in keys:
        name = getattr(key, "name", "")
        if name not in _declared or _declared[name] is not key:
            raise ParameterError(
                "a key was not declared by user_settings.declare; pass what it returned"
            )


def _size(value: object) -> float:
    if isinstance(value, int | float):
        return value
    return len(value) if isinstance(value, Sized) else 0


def _allowed(name: str, kind: type[T], value: T, fits: Callable[[T], bool]) -> str:
    """Return the JSON of a value that its key allows."""
    if not (is_of(kind, value) and fits(value)):
        raise ParameterError(
            f"setting {name}: its key does not allow this value; see its declaration"
        )
    return written(f"setting {name}", kind, value)
