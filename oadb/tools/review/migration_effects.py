"""What migrations lock, read and write again, by trying each on the schema of those before it.

How long that takes depends on the rows: it is told as a class, for tables of simulated sizes. The
rates are those of docs/migrations.md, of a busy machine of two cores, rounded up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.tools.migrations import migration_preview, preview_text
from oadb.tools.migrations.live_tables import LiveDatabase, TableSize
from oadb.tools.migrations.migration_preview import LockHold, MigrationPreview, SizedWork
from oadb.tools.migrations.migration_trial import Trial, TrialResult
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.review.migration_model import MeasuredLock, MeasuredMigration, MeasuredWork

Key = tuple[str, str]
"""The package and the id of a migration."""

_MICROSECONDS = {
    "scan": 0.5,
    "index": 1.5,
    "rewrite": 8,
    "replace": 8,
    "insert": 8,
    "update": 10,
}
"""For each row."""

_CLASSES = ((0.1, "an instant"), (30, "seconds"), (1800, "minutes"), (86_400, "hours"))
"""Up to so many seconds; docs/online-changes.md lets callers wait for the first."""

_INSTANT, _LONGEST, _UNKNOWN = "an instant", "days", "not known"


def try_out(
    dsn: Dsn, packages: Sequence[Package], is_wanted: Callable[[Migration], bool]
) -> dict[Key, TrialResult]:
    """Run the migrations of packages on an empty database, and return what the wanted ones did.

    Those behind one that fails are not tried.

    Raises:
        MigrationError: the files have problems.
    """
    found: dict[Key, TrialResult] = {}
    with Trial(dsn, migration_preview.PATIENCE) as trial:
        for migration in RunScope.of(packages).migrations:
            if not is_wanted(migration):
                trial.apply(migration)
                continue
            trial.know_tables()
            result = found[migration.package, migration.id] = trial.run(migration)
            if result.failure is not None:
                break
    return found


def measure(
    results: Mapping[Key, TrialResult],
    sized: Mapping[int, tuple[Mapping[str, TableSize], LiveDatabase]],
) -> dict[Key, MeasuredMigration]:
    """Return what migrations did, with how long it takes.

    Args:
        sized: by scale, the most rows first, the sizes of tables, and a database with these.
    """
    found: dict[Key, MeasuredMigration] = {}
    for key, result in results.items():
        previews = [migration_preview.weigh(result, sizes, live) for sizes, live in sized.values()]
        found[key] = _measured(result, previews, tuple(sized))
    return found


def _measured(
    result: TrialResult, previews: Sequence[MigrationPreview], scales: tuple[int, ...]
) -> MeasuredMigration:
    return MeasuredMigration(
        scales,
        tuple(_locks(previews)),
        tuple(_works(previews)),
        result.failure or "",
        result.lock_timeout,
        " ".join((result.undoing_failure or "").split()),
        result.dropped,
    )


def _locks(previews: Sequence[MigrationPreview]) -> Iterator[MeasuredLock]:
    """Yield the locks, the worst at the largest scale first."""
    at_scales = [{(each.line, each.table_name): each for each in one.locks} for one in previews]
    for place, hold in at_scales[0].items():
        slow = [each for each in hold.works if _duration([each]) != _INSTANT]
        yield MeasuredLock(
            hold.line,
            hold.table_name,
            hold.mode,
            hold.stopped,
            tuple(_held(holds[place]) for holds in at_scales),
            tuple(dict.fromkeys(preview_text.does(each.work) for each in slow)),
        )


def _works(previews: Sequence[MigrationPreview]) -> Iterator[MeasuredWork]:
    for works in zip(*(one.works for one in previews), strict=True):
        yield MeasuredWork(
            works[0].line,
            preview_text.does(works[0].work),
            tuple(_duration([each]) for each in works),
        )


def _held(hold: LockHold) -> str:
    return _duration(hold.works) if hold.works else _INSTANT


def _duration(works: Sequence[SizedWork]) -> str:
    """Return the class of the time that works take together."""
    rows = [(each.rows, _MICROSECONDS[each.work.kind]) for each in works]
    if any(count is None for count, _ in rows):
        return _UNKNOWN
    seconds = sum((count or 0) * rate for count, rate in rows) / 1e6
    return next((name for most, name in _CLASSES if seconds <= most), _LONGEST)
