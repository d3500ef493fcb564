"""The trials of migrations, which are kept: what a migration does changes only with the files.

To try the 66 of oadb takes ten seconds. So what they did is kept in the user's cache folder, under
the digest of all that it depends on, as ``kept_clusters`` keeps servers; it may be deleted.

    $XDG_CACHE_HOME/oadb/tried/DIGEST    in ~/.cache, if the variable is not set
"""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypedDict, cast

from oadb.engine.binding.packages import Package, find
from oadb.tools import kept_clusters, kept_files
from oadb.tools.migrations.migration_trial import StepEffect, TrialResult
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.step_plans import StepPlan
from oadb.tools.migrations.table_states import Work, WorkKind

Results = Mapping[tuple[str, str], TrialResult]
"""By package and id."""


class _KeptStep(TypedDict):
    """A statement with effects; *number* is its place in the script, *plan* are lines."""

    number: int
    locks: dict[str, str]
    works: list[tuple[WorkKind, str, str]]
    plan: list[str] | None


class _KeptResult(TypedDict):
    """What a migration did."""

    package: str
    id: str
    steps: list[_KeptStep]
    failure: str | None
    lock_timeout: str
    undoing_failure: str | None
    dropped: list[str]


def of(packages: Sequence[Package], try_out: Callable[[], Results]) -> Results:
    """Return what all migrations of packages do: as it was kept, or tried now, and kept.

    A failure is not kept: a machine that was too slow may be its reason.
    """
    place = _place(packages)
    if place is None:
        return try_out()
    found = _read(place, packages)
    if found is None:
        found = try_out()
        if not any(each.failure or each.undoing_failure for each in found.values()):
            kept_files.write(place, [_kept(each) for each in found.values()])
    return found


def _place(packages: Sequence[Package]) -> Path | None:
    place = kept_clusters.place(packages, "tried")
    if place is None:
        return None
    queries, _ = find("oadb").query_file("tools/migrations/table_states")
    asked = sha256(queries.read_bytes() + Path(__file__).read_bytes())
    return place.with_name(f"{place.name}{asked.hexdigest()[:16]}")


def _read(place: Path, packages: Sequence[Package]) -> Results | None:
    """Return what is kept; None if nothing is, or if it is damaged."""
    migrations = {(each.package, each.id): each for each in RunScope.of(packages).migrations}
    try:
        kept = cast("list[_KeptResult]", json.loads(place.read_bytes()))
        keys = [(each["package"], each["id"]) for each in kept]
        if {*keys} != {*migrations}:
            return None
        return {key: _result(migrations[key], each) for key, each in zip(keys, kept, strict=True)}
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _result(migration: Migration, kept: _KeptResult) -> TrialResult:
    return TrialResult(
        migration,
        tuple(
            StepEffect(
                migration.script.steps[each["number"]],
                each["locks"],
                tuple(Work(*work) for work in each["works"]),
                None if each["plan"] is None else StepPlan(tuple(each["plan"])),
            )
            for each in kept["steps"]
        ),
        kept["failure"],
        kept["lock_timeout"],
        kept["undoing_failure"],
        tuple(kept["dropped"]),
    )


def _kept(result: TrialResult) -> _KeptResult:
    migration = result.migration
    return {
        "package": migration.package,
        "id": migration.id,
        "steps": [
            {
                "number": migration.script.steps.index(each.step),
                "locks": dict(each.locks),
                "works": [(work.kind, work.table_name, work.index_name) for work in each.works],
                "plan": None if each.plan is None else [*each.plan.lines],
            }
            for each in result.steps
        ],
        "failure": result.failure,
        "lock_timeout": result.lock_timeout,
        "undoing_failure": result.undoing_failure,
        "dropped": [*result.dropped],
    }
