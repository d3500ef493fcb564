"""Typed reading of the objects in a file of statistics; each error names the place."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

from oadb.errors import DeclarationError

MOST_SHARES = 1 + 1e-4
"""What shares of all rows, which are rounded, may add up to."""


class ShapeEntry:
    """An object of JSON, of which each field is read once.

    ``place`` is where it stands, such as ``sql/statistics/logs.json: oadb.traffic: column status``.
    """

    def __init__(self, place: str, value: object) -> None:
        self.place = place
        if not isinstance(value, dict):
            raise self.fault(f"an object is expected, not {_shown(value)}")
        self._left = {**cast("dict[str, object]", value)}

    def fault(self, text: str) -> DeclarationError:
        """Return the error that says what is wrong here."""
        return DeclarationError(f"{self.place}: {text}")

    def end(self, *known: str) -> None:
        """Refuse fields that nobody has read; *known* are those that may be there."""
        for name in self._left:
            raise self.fault(f"{name!r} is unknown; there may be {', '.join(known)}")

    def has(self, name: str) -> bool:
        """Say whether there is a field that was not read yet."""
        return name in self._left

    def names(self) -> list[str]:
        """Return the names of the fields that were not read yet."""
        return [*self._left]

    def number(self, name: str, least: float, most: float) -> float | None:
        """Read a number between two others; None if it is not there."""
        if name not in self._left:
            return None
        value = self._left.pop(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not (least <= value <= most)
        ):
            allowed = f"a number from {least:g} to {most:g}"
            raise self.fault(f"{name!r} must be {allowed}, not {_shown(value)}")
        return float(value)

    def text(self, name: str) -> str | None:
        """Read a text; None if it is not there."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise self.fault(f"{name!r} must be a text, not {_shown(value)}")
        return value

    def inner(self, name: str) -> "ShapeEntry | None":
        """Read an object; None if it is not there."""
        if name not in self._left:
            return None
        return ShapeEntry(f"{self.place}: {name}", self._left.pop(name))

    def named(self, name: str, kind: str) -> dict[str, "ShapeEntry"]:
        """Read an object of objects, by their names; *kind* says what each is, in its place."""
        found = self.inner(name)
        if found is None:
            return {}
        found.place = self.place
        return dict(found.each(f"{kind} "))

    def each(self, kind: str) -> Iterator[tuple[str, "ShapeEntry"]]:
        """Read all fields, which are objects, with the name of each."""
        for name in [*self._left]:
            yield name, ShapeEntry(f"{self.place}: {kind}{name}", self._left.pop(name))

    def limits(self, name: str) -> list[str | float]:
        """Read a list of numbers and texts; empty if it is not there."""
        value = self._left.pop(name, [])
        if not isinstance(value, list):
            raise self.fault(f"{name!r} must be a list, not {_shown(value)}")
        found: list[str | float] = []
        for each in cast("list[object]", value):
            if isinstance(each, bool) or not isinstance(each, str | int | float):
                raise self.fault(f"{name!r} holds {_shown(each)}; numbers and texts may be there")
            found.append(each)
        return found

    def frequencies(self, name: str) -> Mapping[str, float]:
        """Read how often each value is there, as shares of all rows; empty if it is not there."""
        entry = self.inner(name)
        if entry is None:
            return {}
        found = {each: entry.number(each, 0, 1) or 0.0 for each in entry.names()}
        if sum(found.values()) > MOST_SHARES:
            raise entry.fault(f"the shares add up to {sum(found.values()):g}; 1 is all rows")
        return found


def _shown(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None | bool():
            return json.dumps(value)
        case _:
            return repr(value)[:60]
