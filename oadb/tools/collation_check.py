"""The check of ``oadb doctor`` of the order of texts: whether that of the system has changed.

An upgrade of the operating system, or a move to another, may order texts anew; an index that was
made before does not find them then, and a unique one lets them in twice. The keys of oadb compare
by their bytes, which no upgrade changes; other indexes, and those of services, follow the database.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.database import Database
from oadb.tools.findings import Finding

query = queries(__name__)

_SUBJECT = "collations"


@dataclass(frozen=True, slots=True)
class CollationVersion:
    """The version with which indexes were made, and the one that the server has now.

    ``collation_name`` is None for the database's own. A version is None where there is none.
    """

    collation_name: str | None
    made_with: str | None
    runs_with: str | None


@query
def _list_versions() -> list[CollationVersion]: ...


query.complete()


def check(db: Database) -> Iterator[Finding]:
    """Yield a finding for each collation that changed, or one that says that none did."""
    changed = [*faults(_list_versions(db))]
    for fault in changed:
        yield Finding(False, _SUBJECT, fault)
    if not changed:
        yield Finding(True, _SUBJECT, "texts are ordered as when the indexes were made")


def faults(versions: list[CollationVersion]) -> Iterator[str]:
    """Yield what is wrong with each collation, and what to do."""
    for each in versions:
        if None in {each.made_with, each.runs_with} or each.made_with == each.runs_with:
            continue
        name = each.collation_name
        what = "the database" if name is None else f"the collation {name}"
        yield (
            f"{what} was made with version {each.made_with} of its locale, and the server has "
            f"{each.runs_with}: indexes of texts may miss rows; as its owner: reindex database "
            "concurrently, and refresh the version (docs/reliability.md)"
        )
