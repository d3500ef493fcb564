"""The intended schema of a package at every level of migration: the file ``schema_levels.jsonl``.

It lies beside the folder ``migrations``. Each line is an object of the schema as PostgreSQL 18
shows it, with the migration that made it so and the one that ended or changed it:

    {"since": "0002_create_users", "until": null, "kind": "table", "name": "oadb.users", ...}

A migration is so a few lines to review: those that it begins, and those that it ends.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from oadb.engine.binding.packages import Package
from oadb.errors import MigrationError
from oadb.tools.schema import SchemaObject

FILE = "schema_levels.jsonl"
"""Its name, in the folder with the SQL of a package."""

Key = tuple[str, str]
"""Kind and name, by which an object is known."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """An object and its time: from the migration *since* to the one before *until*, if any."""

    since: str
    until: str | None
    pinned: SchemaObject

    def stands_at(self, level: str) -> bool:
        """Say whether the object is there when *level* is the last migration that is applied."""
        return self.since <= level and (self.until is None or level < self.until)


def key(each: SchemaObject) -> Key:
    """Return by what an object is known."""
    return each.kind, each.name


def read(package: Package) -> list[Pinned] | None:
    """Return what the file of a package says; None if it has none.

    Raises:
        MigrationError: a line is not one that ``render`` writes.
    """
    file = package.sql / FILE
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").splitlines()
    return [_parsed(line, f"{package.shown}/{FILE}:{n}") for n, line in enumerate(lines, 1)]


def _parsed(line: str, where: str) -> Pinned:
    try:
        values = cast("dict[str, str | None]", json.loads(line))
        since, until = values.pop("since"), values.pop("until")
        return Pinned(str(since), until, SchemaObject(**cast("dict[str, str]", values)))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MigrationError(
            f"{where}: not a line that oadb schema --levels writes; write the file again"
        ) from None


def render(levels: Iterable[Pinned]) -> str:
    """Return the content of the file."""
    return "".join(f"{_line(each)}\n" for each in levels)


def _line(each: Pinned) -> str:
    found = asdict(each.pinned)
    written = {"since": each.since, "until": each.until, "kind": found.pop("kind"), **found}
    return json.dumps(written, ensure_ascii=False)


def pin(schemas: Mapping[str, Sequence[SchemaObject]]) -> list[Pinned]:
    """Return the time of each object, by what it belongs to, by kind and by name.

    Columns and constraints keep the order in which they came.

    Args:
        schemas: the objects after each migration, by its id, in order.
    """
    open_: dict[Key, Pinned] = {}
    closed: list[Pinned] = []
    for level, objects in schemas.items():
        found = {key(each): each for each in objects}
        ended = [known for known, each in open_.items() if found.get(known) != each.pinned]
        closed += [Pinned(open_[known].since, level, open_.pop(known).pinned) for known in ended]
        open_.update(_begun(found, open_, level))
    order = dict.fromkeys(key(each) for objects in schemas.values() for each in objects)
    places = {known: place for place, known in enumerate(order)}
    return sorted([*closed, *open_.values()], key=lambda each: _place(each, places))


def _begun(
    found: Mapping[Key, SchemaObject], open_: Mapping[Key, Pinned], level: str
) -> Iterator[tuple[Key, Pinned]]:
    for known, each in found.items():
        if known not in open_:
            yield known, Pinned(level, None, each)


def _place(each: Pinned, places: Mapping[Key, int]) -> tuple[str, str, int, str, str]:
    pinned = each.pinned
    place = places[key(pinned)] if pinned.kind in {"column", "constraint"} else 0
    return pinned.part_of, pinned.kind, place, pinned.name, each.since
