"""What two schemas that are the same show otherwise on different servers, taken out of both.

Older servers know fewer privileges and print views otherwise; and not every server has the roles of
services, nor lets every database them in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from oadb.tools.catalog import SERVICE_ROLES
from oadb.tools.schema import SchemaObject

_POLICY_ROLES = re.compile(r"(?<= to )[^\n]+")
_LISTED = re.compile(r"\(([^)]*)\)(?=, | on )")
_INSERTED = re.compile(r"(?<=\binsert \()[^)]*(?=\))")
_READ = re.compile(r"\bFROM \w+\.(\w+)")
_QUALIFIER = re.compile(r"\b(\w+)\.(?=\w)")


@dataclass(frozen=True, slots=True)
class Target:
    """What a schema is compared on.

    Attributes:
        version_number: 180001 for 18.1.
        owner: Of the first schema, as SQL names it.
        roles: Those of services that the database should let in; none if one role does everything.
        numbered: Of a table that is distributed, the column that the cluster fills.
    """

    version_number: int
    owner: str
    roles: frozenset[str]
    numbered: Mapping[str, str]


def fitted(objects: Iterable[SchemaObject], target: Target) -> list[SchemaObject]:
    """Return objects without what only some servers have."""
    found = (_fitted(each, target) for each in objects)
    return [each for each in found if each is not None]


def _fitted(each: SchemaObject, target: Target) -> SchemaObject | None:
    absent = {*SERVICE_ROLES} - target.roles
    match each.kind:
        case "grant" | "grant option":
            if each.name.rpartition(" to ")[2] in absent:
                return None
            return _alike(each, target)
        case "policy":
            return _without_roles(each, absent)
        case _:
            return each


def _alike(each: SchemaObject, target: Target) -> SchemaObject:
    """Return a grant without later privileges; columns have the order of the table no more."""
    definition = _LISTED.sub(lambda found: f"({_ordered(found[1])})", each.definition)
    if target.version_number < 170000:
        definition = definition.replace("grant maintain, ", "grant ", 1)
        definition = definition.replace(", maintain", "", 1)
    return replace(each, definition=definition)


def as_distributed(objects: Iterable[SchemaObject], target: Target) -> Iterator[SchemaObject]:
    """Yield objects as they should be where tables are distributed.

    The coordinator numbers rows and sends the numbers under the role that writes them, so a role
    that may insert into named columns may name that one.
    """
    for each in objects:
        column = target.numbered.get(each.part_of) if each.kind == "grant" else None
        named = _INSERTED.search(each.definition)
        if column is None or named is None:
            yield each
        else:
            before, after = each.definition[: named.end()], each.definition[named.end() :]
            yield replace(each, definition=f"{before}, {column}{after}")


def _ordered(names: str) -> str:
    return ", ".join(sorted(names.split(", ")))


def _without_roles(each: SchemaObject, absent: set[str]) -> SchemaObject | None:
    """Return a policy for those of its roles that count; None if it is for others alone."""
    named = _POLICY_ROLES.search(each.definition)
    if named is None:
        return each
    # The owner, whatever its name, is called as one of the roles.
    roles = [name for name in named[0].split(", ") if name == "oadb_owner" or name not in absent]
    if not roles:
        return None
    definition = f"{each.definition[: named.start()]}{', '.join(roles)}"
    return replace(each, definition=definition + each.definition[named.end() :])


def is_same(live: str, intended: str, target: Target) -> bool:
    """Say whether two definitions of an object are the same."""
    if live == intended:
        return True
    if target.version_number >= 160000 or not live.startswith("create view"):
        return False
    # Before PostgreSQL 16 the columns of a view of one table have its name in front.
    tables = {*_READ.findall(intended)}
    one, other = (_without_names(text, tables) for text in (live, intended))
    return one == other


def _without_names(view: str, tables: set[str]) -> str:
    return _QUALIFIER.sub(lambda found: "" if found[1] in tables else found[0], view)
