"""Whether a rolling deploy of a new release is safe: what breaks, and at which migration."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.tools.compat import (
    access_breakages,
    column_breakages,
    release_probe,
    rule_breakages,
    statement_roles,
)
from oadb.tools.compat.base_release import BaseRelease
from oadb.tools.compat.level_walk import ReleaseStep, WalkedLevel, steps_since, walk
from oadb.tools.compat.old_release import OldRelease
from oadb.tools.compat.release_statement import ReleaseStatement, StatementFault
from oadb.tools.compat.schema_shapes import SchemaShape, tables_behind
from oadb.tools.compat.statement_roles import StatementRoles

_ACCEPTED = re.compile(r"\s*--\s*breaks\s*:\s*(?P<label>[\w.]+)\s*:\s*(?P<why>\S.*)")
_NEARLY_ACCEPTED = re.compile(r"\s*--\s*breaks\b\s*[:=]", re.IGNORECASE)

Direction = Literal["old code", "new code", "migrations"]


@dataclass(frozen=True, slots=True)
class CompatFinding:
    """What does not go together, as one line.

    Attributes:
        direction: The old code on the schema after a migration, the new code on the schema before
            all of them, or the files of the migrations themselves.
        migration: The one that breaks the old code, or with which the new code runs.
        fault: The statement, what is the matter with it, and what to do.
        reason: Why it is accepted, by a line in the migration; None if it is not.
    """

    direction: Direction
    migration: str
    fault: StatementFault
    reason: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a rolling deploy would fail for it: the new code runs after the migrations."""
        return self.direction != "new code" and self.reason is None

    def __str__(self) -> str:
        """Return the finding as one line."""
        fault = self.fault
        statement = f"{fault.label} ({fault.where}): " if fault.label else ""
        if self.direction == "new code":
            return f"new code, before {self.migration}: {statement}{fault.text}"
        end = f"accepted: {self.reason}" if self.reason else fault.advice
        at = "after" if self.direction == "old code" else "at"
        line = f"{self.direction}, {at} {self.migration}: {statement}{fault.text}"
        return f"{line}; {end}" if end else line


def compare(dsn: Dsn, base: BaseRelease, packages: Sequence[Package]) -> list[CompatFinding]:
    """Compare the code and the schema of packages with those of an earlier release.

    Args:
        dsn: an empty database, in which their migrations are applied.

    Raises:
        DeclarationError: the code of the earlier release cannot be asked.
        MigrationError: files of today are invalid, or a migration failed.
    """
    packages = [each for each in packages if each.name in base.roots]
    with OldRelease.running(base, packages, dsn) as old:
        steps = steps_since(packages, old.folders)
        obstacles = [_obstacle(text) for each in steps for text in each.obstacles]
        if obstacles:
            return obstacles
        levels = [*walk(dsn, steps, old)]
        old_code = _Code(old.statements, None)
        new_code = _Code([ReleaseStatement.of(each) for each in release_probe.told(packages)], None)
        if _differ_in_grants(levels):
            today = {each.name: Path(str(each.sql)) for each in packages}
            old_code = old_code.asked(dsn, old.folders)
            new_code = new_code.asked(dsn, today)
    found = [*_old_on_new(levels, old_code)]
    return [*_judged(found, steps), *_new_on_old(levels, new_code)]


@dataclass(frozen=True, slots=True)
class _Code:
    """The statements of a release; what they use and who runs them, where that was asked."""

    statements: Sequence[ReleaseStatement]
    roles: StatementRoles | None

    def asked(self, dsn: Dsn, folders: Mapping[str, Path]) -> "_Code":
        return replace(self, roles=statement_roles.ask(dsn, self.statements, folders))


def _differ_in_grants(levels: Sequence[WalkedLevel]) -> bool:
    grants = [{*each.shape.of_kind("grant")} for each in levels]
    return any(each != grants[0] for each in grants)


def _obstacle(text: str) -> CompatFinding:
    id_, _, what = text.partition(" ")
    advice = "databases that have the earlier release cannot be migrated: restore what it applied"
    return CompatFinding("migrations", id_, StatementFault("", "", f"{id_} {what}", advice))


def _old_on_new(levels: Sequence[WalkedLevel], code: _Code) -> Iterator[CompatFinding]:
    """Yield what the old code does wrong at a level and did not at its own, at the first one."""
    base, *later = levels
    seen = {(each.name, each.text) for each in base.old_faults}
    for level in later:
        for fault in (*level.old_faults, *_breakages(base.shape, level.shape, code)):
            if (fault.name, fault.text) not in seen:
                seen.add((fault.name, fault.text))
                yield CompatFinding("old code", level.migration, fault)


def _new_on_old(levels: Sequence[WalkedLevel], code: _Code) -> Iterator[CompatFinding]:
    """Yield what the new code does wrong before the migrations, and since which it does not."""
    *earlier, last = [
        {
            (fault.name, fault.text): fault
            for fault in (*level.new_faults, *_breakages(levels[-1].shape, level.shape, code))
        }
        for level in levels
    ]
    for known, fault in earlier[0].items() if earlier else ():
        if known not in last:
            until = max(place for place, faults in enumerate(earlier) if known in faults)
            yield CompatFinding("new code", levels[until + 1].migration, fault)


def _breakages(before: SchemaShape, after: SchemaShape, code: _Code) -> Iterator[StatementFault]:
    views = tables_behind(before)
    followed = [each.through(views) for each in code.statements]
    for kind in (column_breakages, rule_breakages):
        yield from kind.find(before, after, followed)
    yield from access_breakages.find(before, after, followed, code.roles)


def _judged(
    findings: Iterable[CompatFinding], steps: Sequence[ReleaseStep]
) -> Iterator[CompatFinding]:
    """Yield the findings with the reasons that migrations give, and lines that accept nothing."""
    reasons: dict[tuple[str, str], str] = {}
    for migration in (each for found in steps for each in found.later):
        for number, line in enumerate(migration.script.lines, 1):
            accepted = _ACCEPTED.fullmatch(line)
            if accepted:
                reasons[migration.id, accepted["label"]] = accepted["why"]
            elif _NEARLY_ACCEPTED.match(line):
                text = f"{migration.id}.sql:{number} accepts nothing as it stands: {line.strip()}"
                advice = "write -- breaks: orders.list_open: why"
                yield CompatFinding(
                    "migrations", migration.id, StatementFault("", "", text, advice)
                )
    yield from _accepted([*findings], reasons)


def _accepted(
    findings: Sequence[CompatFinding], reasons: Mapping[tuple[str, str], str]
) -> Iterator[CompatFinding]:
    for each in findings:
        yield replace(each, reason=reasons.get((each.migration, each.fault.name)))
    used = {(each.migration, each.fault.name) for each in findings}
    for migration, label in reasons:
        if (migration, label) not in used:
            text = f"{migration}.sql says that it breaks {label}, which it does not"
            fault = StatementFault("", "", text, "remove the line")
            yield CompatFinding("migrations", migration, fault)
