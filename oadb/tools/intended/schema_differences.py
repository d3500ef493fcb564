"""The differences between a live schema and the intended one, each with what mends it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oadb.tools.intended import one_line
from oadb.tools.intended.fitting import Target, as_distributed, fitted, is_same
from oadb.tools.intended.mending import mending
from oadb.tools.intended.schema_levels import Key, key
from oadb.tools.schema import SchemaObject

# What others are part of, and the order in which differences are told and mended.
_WHOLES = (
    "schema", "extension", "type", "table", "view", "materialized view", "function", "procedure",
)  # fmt: skip  # a list
_ORDER = (*_WHOLES, "column", "constraint", "index", "row security", "policy")

_NOTHING = SchemaObject("", "", "", "", None)

# What makes a table is in the statement that makes it again.
_INSIDE = frozenset({"column", "constraint"})


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """What is, what should be, and the statement that mends it; None where there is none.

    Without ``is_`` it is missing, without ``should_be`` it should not be there.
    """

    kind: str
    name: str
    is_: str | None
    should_be: str | None
    statement: str | None

    def __str__(self) -> str:
        """Return the difference as one line."""
        if self.is_ is None:
            found = f"is missing; should be {one_line.shortened(self.should_be or '')}"
        elif self.should_be is None:
            found = f"is {one_line.shortened(self.is_)}; should not be there"
        else:
            is_, should_be = one_line.parted(self.is_, self.should_be)
            found = f"is {is_}; should be {should_be}"
        mends = self.statement or "nothing less than a restore or a new migration"
        return f"{self.kind} {self.name} {found}; to mend it: {mends}"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The objects that are and those that should be, by kind and name."""

    found: Mapping[Key, SchemaObject]
    wanted: Mapping[Key, SchemaObject]
    gone: frozenset[str]
    """The schemas that are missing."""

    def is_told_with_its_whole(self, known: Key) -> bool:
        """Say whether an object goes with what it is part of, whose difference is told."""
        each = self.wanted.get(known) or self.found[known]
        if each.kind == "schema":
            return False
        if each.part_of.partition(".")[0] in self.gone:
            return True
        whole = self._whole(each)
        if whole is None or whole == known:
            return False
        if whole not in self.found:
            return each.kind in _INSIDE
        if whole not in self.wanted:
            return True
        is_changed = self.found[whole] != self.wanted[whole]
        return each.kind == "column" and "view" in whole[0] and is_changed

    def _whole(self, each: SchemaObject) -> Key | None:
        """Return the key of what an object is part of, or of itself; None if that is no whole."""
        keys = ((kind, each.part_of) for kind in _WHOLES)
        return next((one for one in keys if one in self.wanted or one in self.found), None)


def compare(
    live: Sequence[SchemaObject], intended: Sequence[SchemaObject], target: Target
) -> list[SchemaDifference]:
    """Return what differs; of what is missing or foreign as a whole, the whole alone."""
    found = {key(each): each for each in fitted(live, target)}
    wanted = {key(each): each for each in fitted(as_distributed(intended, target), target)}
    gone = frozenset(name for kind, name in {*wanted} - {*found} if kind == "schema")
    sides = _Sides(found, wanted, gone)
    told = [
        known
        for known in dict.fromkeys([*wanted, *found])
        if not sides.is_told_with_its_whole(known)
    ]
    pairs = [(found.get(known), wanted.get(known)) for known in told]
    pairs.sort(key=_place)
    return [each for pair in pairs for each in _differences(*pair, wanted, target)]


def _place(pair: tuple[SchemaObject | None, SchemaObject | None]) -> tuple[int, int]:
    """Return the turn of a difference: what is made comes after what it needs.

    First what belongs to the wrong owner, last what is dropped, after what depends on it.
    """
    live, intended = pair
    kind = (intended or live or _NOTHING).kind
    if kind == "owner":
        return 0, 0
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return (1, place) if intended else (2, -place)


def _differences(
    live: SchemaObject | None,
    intended: SchemaObject | None,
    wanted: Mapping[Key, SchemaObject],
    target: Target,
) -> Iterator[SchemaDifference]:
    if intended is not None and live is None:
        whole = _as_whole(intended, wanted)
        statement = mending(None, whole, target.owner)
        yield SchemaDifference(intended.kind, intended.name, None, whole.definition, statement)
    elif live is not None and intended is None:
        statement = mending(live, None, target.owner)
        yield SchemaDifference(live.kind, live.name, live.definition, None, statement)
    elif live is not None and intended is not None:
        yield from _changes(live, intended, target)


def _changes(
    live: SchemaObject, intended: SchemaObject, target: Target
) -> Iterator[SchemaDifference]:
    if not is_same(live.definition, intended.definition, target):
        statement = mending(live, intended, target.owner)
        yield SchemaDifference(
            live.kind, live.name, live.definition, intended.definition, statement
        )
    if live.description != intended.description:
        told = [each.description or "no comment" for each in (live, intended)]
        statement = mending(intended, intended, target.owner)
        yield SchemaDifference(f"comment on {live.kind}", live.name, told[0], told[1], statement)


def _as_whole(each: SchemaObject, wanted: Mapping[Key, SchemaObject]) -> SchemaObject:
    """Return a table with its columns and constraints in its definition."""
    if each.kind != "table":
        return each
    inside = [one for one in wanted.values() if one.part_of == each.name and one.kind in _INSIDE]
    parts = [
        f"{one.name.removeprefix(f'{each.name}.')} {one.definition}"
        if one.kind == "column"
        else one.definition
        for one in inside
    ]
    listed = f" ({', '.join(parts)})" if parts else ""
    return replace(each, definition=each.definition.replace(" (...)", listed, 1))
