"""Checks of indexes: those that no plan may use, and those that are far larger than their rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity import bloat
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.bloat import StoredSize
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class InvalidIndex:
    """An index that was not built to its end, and what makes it valid."""

    name: str
    mending: str


@query
def _list_invalid_indexes(schemas: list[str]) -> list[InvalidIndex]: ...


@query
def _list_index_sizes(schemas: list[str], least: int) -> list[StoredSize]: ...


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
    """Check that no B-tree, GiST or hash index is mostly empty; others do not tell."""
    found = _list_index_sizes(db, schemas, limits.index_waste)
    faults = [
        f"{each}; {each.mending}"
        for each in bloat.wasteful(found, limits.index_waste, limits.index_bloat)
    ]
    fine = bloat.summary(found, "B-trees, GiST and hash indexes", limits.index_waste)
    yield from judged("bloated indexes", faults, fine)
