"""Checks of indexes: those that no plan may use, and those that are far larger than their rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.quantities import size
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class InvalidIndex:
    """An index that was not built to its end, and what makes it valid."""

    name: str
    mending: str


@dataclass(frozen=True, slots=True)
class IndexSize:
    """The bytes of a B-tree, and those that its rows need; None: the width of a key is unknown."""

    name: str
    used: int
    needed: int | None
    mending: str


@query
def _list_invalid_indexes(schemas: list[str]) -> list[InvalidIndex]: ...


@query
def _list_index_sizes(schemas: list[str], least: int) -> list[IndexSize]: ...


query.complete()


def checks(db: Runner, schemas: list[str], limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject; *schemas* are those whose indexes are meant."""
    return {
        "invalid indexes": partial(check_validity, db, schemas),
        "bloated indexes": partial(check_bloat, db, schemas, limits),
    }


def check_validity(db: Runner, schemas: list[str]) -> Iterator[Finding]:
    """Check that no index costs writes without serving a plan."""
    faults = [
        f"{each.name} was not built to its end, so that no plan uses it; {each.mending}"
        for each in _list_invalid_indexes(db, schemas)
    ]
    yield from judged("invalid indexes", faults, "none")


def check_bloat(db: Runner, schemas: list[str], limits: AlertLimits) -> Iterator[Finding]:
    """Check that no B-tree is mostly empty; of other kinds SQL does not tell."""
    found = _list_index_sizes(db, schemas, limits.index_waste)
    known = [(each, each.used - each.needed) for each in found if each.needed is not None]
    bloated = [
        (waste, each)
        for each, waste in known
        if waste >= limits.index_waste and waste >= limits.index_bloat * each.used
    ]
    faults = [
        f"{each.name} takes {size(each.used)}, of which about {size(waste)} are empty; "
        f"{each.mending}"
        for waste, each in sorted(bloated, key=lambda pair: pair[0], reverse=True)
    ]
    fine = f"none of {len(known)} B-trees of at least {size(limits.index_waste)} is mostly empty"
    hidden = len(found) - len(known)
    fine += (
        f"; of {hidden} the keys were not analyzed, or this role does not see them"
        if hidden
        else ""
    )
    yield from judged("bloated indexes", faults, fine)
