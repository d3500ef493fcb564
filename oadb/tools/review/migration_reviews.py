"""The reviews of migrations: their files, and what they do to tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from oadb.engine.binding.packages import Package
from oadb.tools.migrations import package_order
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.review.file_history import Key, Revision
from oadb.tools.review.migration_model import MeasuredMigration, MigrationReview

_DIRECTIVE = re.compile(r"(depends|transactional|squawk-ignore[-a-z]*)\b")
_PART = re.compile(r"(Lock|Deploy): *(.*)")


@dataclass(frozen=True, slots=True)
class MigrationSources:
    """Where the reviews of migrations come from.

    Attributes:
        history: None without git.
        measured: By package and id, what migrations did when they were tried.
    """

    history: Mapping[Key, Sequence[Revision]] | None
    measured: Mapping[tuple[str, str], MeasuredMigration]


def review(packages: Sequence[Package], sources: MigrationSources) -> Iterator[MigrationReview]:
    """Yield the review of each migration of packages, in the order in which they are applied.

    Raises:
        MigrationError: the files have problems.
    """
    shown = {package.name: package.shown for package in packages}
    for migration in package_order.read(packages):
        if migration.package in shown:
            yield _review(migration, shown[migration.package], sources)


def _review(migration: Migration, folder: str, sources: MigrationSources) -> MigrationReview:
    file = migration.script.file_name
    history = sources.history
    parts = _parts(migration.script.lines)
    return MigrationReview(
        package=migration.package,
        id=migration.id,
        path=f"{folder}/migrations/{file}",
        comment=parts["purpose"],
        lock=parts["Lock"],
        deploy=parts["Deploy"],
        is_transactional=migration.transactional,
        sql=migration.script.text,
        rollback=migration.rollback.text,
        history=None if history is None else tuple(history.get((file, ""), ())),
        measured=sources.measured.get((migration.package, migration.id)),
    )


def _parts(lines: Sequence[str]) -> dict[str, str]:
    """Return the purpose, the locks and the order of deployment in the comment at the top."""
    found: dict[str, list[str]] = {"purpose": [], "Lock": [], "Deploy": []}
    part = "purpose"
    for line in _comment(lines):
        begun = _PART.match(line)
        part = begun[1] if begun else part
        found[part].append(begun[2] if begun else line)
    return {name: "\n".join(text).strip() for name, text in found.items()}


def _comment(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the comment at the top, up to the first blank line below a text."""
    has_text = False
    for line in lines:
        if not line.startswith("--") and has_text:
            return
        text = line.removeprefix("--").strip()
        if line.startswith("--") and not _DIRECTIVE.match(text):
            has_text = has_text or bool(text)
            yield text
