"""The text of a rehearsal: its stage, a block for each migration, and what there is then."""

from collections.abc import Iterator

from oadb.tools.migrations import table_states
from oadb.tools.migrations.caller_load import CallerReport
from oadb.tools.migrations.rehearsal_report import (
    ALLOWED,
    Aftermath,
    RehearsedMigration,
    Stage,
)

# Of errors, tables and the like in a block.
_MOST = 5


def text(part: Stage | RehearsedMigration | Aftermath) -> str:
    """Return the lines about a part of a rehearsal."""
    match part:
        case Stage():
            return "\n".join(_stage(part))
        case RehearsedMigration():
            return "\n".join(_migration(part))
        case Aftermath():
            return "\n".join(_aftermath(part))


def _stage(part: Stage) -> Iterator[str]:
    rows = [f"{each.generated.table_name} {each.rows:,}" for each in part.filled if each.rows]
    yield f"rows: {', '.join(rows) or 'none'}"
    for each in part.filled:
        if each.reason:
            yield f"     {each.generated.table_name} stayed empty: {each.reason}"
    yield f"callers: {'; '.join(_callers(part)) or 'none, because no table is touched'}"
    yield from _some("not called, as it fails before", part.declared.left_out)
    yield from _some("a statement of the dump failed", part.refused)


def _callers(part: Stage) -> Iterator[str]:
    declared = part.declared
    if declared.statements:
        how = "as often as in the database" if declared.is_weighted else "each as often"
        yield (
            f"{len(declared.statements)} statements on {', '.join(sorted(declared.tables))}, {how}"
        )
    if part.by_key:
        yield f"{', '.join(part.by_key)} by key"


def _migration(part: RehearsedMigration) -> Iterator[str]:
    migration = part.trial.migration
    name = f"{_mark(is_safe=part.is_safe)} {migration.package} {migration.id}"
    if part.failure is not None:
        yield f"{name}: failed after {part.seconds:.1f} s"
        yield from (f"     {line}" for line in part.failure.splitlines())
    else:
        yield f"{name}: {part.seconds:.1f} s; {_waits(part.callers)}"
    for step in part.trial.steps:
        for table, mode in step.locks.items():
            if mode != table_states.WEAK:
                yield f"     line {step.line} {mode} lock on {table}"
    yield from _who_waited(part.callers)
    yield from _errors(part.callers)


def _aftermath(part: Aftermath) -> Iterator[str]:
    for each in part.indexed:
        yield f"     built {each}"
    name = f"{_mark(is_safe=part.is_safe)} afterwards"
    if part.differences:
        yield f"{name}: the schema is not the intended one"
        yield from (f"     {line}" for line in part.differences)
    else:
        unpinned = ", ".join(part.unpinned)
        compared = f"nobody says what the schema of {unpinned} should be" if unpinned else ""
        yield f"{name}: {compared or 'the schema is the intended one'}; {_waits(part.callers)}"
    yield from _who_waited(part.callers)
    yield from _errors(part.callers)


def _who_waited(callers: CallerReport) -> Iterator[str]:
    texts = [
        f"{each.longest * 1000:,.0f} ms at most, {each.count:,} times: {each.name}"
        for each in callers.by_statement()
    ]
    yield from _some("waited", texts)


def _waits(callers: CallerReport) -> str:
    if not callers.calls:
        return "nobody called"
    if not callers.waits:
        return f"none of {callers.calls:,} calls was seen to wait"
    longest = f"{callers.longest * 1000:,.0f} ms"
    too_long = f", more than {ALLOWED * 1000:.0f} ms" if callers.longest > ALLOWED else ""
    count = len(callers.waits)
    return f"{count:,} of {callers.calls:,} calls waited, the longest {longest}{too_long}"


def _errors(callers: CallerReport) -> Iterator[str]:
    texts = [f"{count:,} times: {error}" for error, count in callers.errors.most_common()]
    yield from _some("callers saw", texts)


def _some(what: str, lines: list[str] | tuple[str, ...]) -> Iterator[str]:
    yield from (f"     {what}: {line}" for line in lines[:_MOST])
    if len(lines) > _MOST:
        yield f"     {what}: and {len(lines) - _MOST} more"


def _mark(*, is_safe: bool) -> str:
    return "ok  " if is_safe else "FAIL"
