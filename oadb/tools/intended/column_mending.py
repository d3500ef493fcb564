"""The statements that make a column of a table what it should be."""

import re
from collections.abc import Iterator

from oadb.tools.intended.one_line import flat
from oadb.tools.schema import SchemaObject

_COLUMN = re.compile(
    r"(?P<type>.+?)(?: collate (?P<collation>\S+))?(?P<not_null> not null)?"
    r"(?: default (?P<default>.+?)"
    r"| generated always as \((?P<expression>.+)\)(?: stored| virtual))?"
    r"(?: storage (?P<storage>\w))?(?: compression (?P<compression>\w))?"
    r"(?: statistics (?P<statistics>\d+))?"
    r"(?: generated (?P<identity>always|by default) as identity(?: \((?P<options>.*)\))?)?",
    re.DOTALL,
)
_STORAGES = {"p": "plain", "e": "external", "m": "main", "x": "extended", None: "default"}


def adding(each: SchemaObject) -> str:
    """Return the statement that adds a column."""
    return f"{_table(each)} add column {_name(each)} {flat(each.definition)};"


def changing(live: SchemaObject, intended: SchemaObject) -> str | None:
    """Return the statement that changes a column; None if no simple one does it."""
    found, wanted = _COLUMN.fullmatch(live.definition), _COLUMN.fullmatch(intended.definition)
    if found is None or wanted is None:
        return None
    name = _name(intended)
    if found["expression"] != wanted["expression"] and wanted["expression"]:
        # Its values are made of others, so nothing is lost.
        return f"{_table(intended)} drop column {name}; {adding(intended)}"
    steps = [f"alter column {name} {step}" for step in _steps(name, found, wanted)]
    return f"{_table(intended)} {', '.join(steps)};" if steps else None


def _table(each: SchemaObject) -> str:
    return f"alter table {each.part_of}"


def _name(each: SchemaObject) -> str:
    return each.name.removeprefix(f"{each.part_of}.")


def _steps(name: str, found: re.Match[str], wanted: re.Match[str]) -> Iterator[str]:
    if found["expression"] != wanted["expression"]:
        yield "drop expression"
    if (found["type"], found["collation"]) != (wanted["type"], wanted["collation"]):
        collation = f" collate {wanted['collation']}" if wanted["collation"] else ""
        yield f"type {wanted['type']}{collation} using {name}::{wanted['type']}"
    if found["identity"] != wanted["identity"]:
        yield _identity(found["identity"], wanted["identity"])
    if found["not_null"] != wanted["not_null"]:
        yield "set not null" if wanted["not_null"] else "drop not null"
    if found["default"] != wanted["default"]:
        default = wanted["default"]
        yield f"set default {flat(default)}" if default else "drop default"
    if found["storage"] != wanted["storage"]:
        yield f"set storage {_STORAGES[wanted['storage']]}"
    if found["statistics"] != wanted["statistics"]:
        yield f"set statistics {wanted['statistics'] or -1}"


def _identity(found: str | None, wanted: str | None) -> str:
    if wanted is None:
        return "drop identity"
    return f"set generated {wanted}" if found else f"add generated {wanted} as identity"
