"""What a rehearsal of migrations tells: what it begins with, each migration, what there is then."""

from dataclasses import dataclass

from oadb.tools.migrations.caller_load import CallerReport
from oadb.tools.migrations.declared_calls import DeclaredCalls
from oadb.tools.migrations.generated_rows import FilledTable
from oadb.tools.migrations.migration_trial import TrialResult

ALLOWED = 0.1
"""Seconds that a caller may wait for a lock; docs/online-changes.md keeps to it."""


@dataclass(frozen=True, slots=True)
class RehearsedMigration:
    """A migration that ran while callers worked.

    Attributes:
        trial: Its locks, as measured before on tables without rows.
        seconds: How long it took.
        failure: Why it failed; None if it did not.
        callers: What callers did and saw meanwhile.
    """

    trial: TrialResult
    seconds: float
    failure: str | None
    callers: CallerReport

    @property
    def is_safe(self) -> bool:
        """Whether it ran, no caller saw an error, and none waited for longer than is allowed."""
        return self.failure is None and _is_calm(self.callers)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal begins with.

    Attributes:
        filled: Tables with the rows that were generated for them.
        declared: The statements that callers run.
        by_key: The names of tables that callers use by their keys, as no statement uses them.
        refused: Why statements of a dump failed.
    """

    filled: tuple[FilledTable, ...]
    declared: DeclaredCalls
    by_key: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def is_safe(self) -> bool:
        """Whether all of the dump was restored."""
        return not self.refused


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What there is when all pending migrations have run.

    Attributes:
        indexed: Indexes of partitioned tables, and the partitions on which they were built.
        callers: What callers did and saw while these were built.
        differences: Between the schema and what it should be, a line each.
        unpinned: The packages that do not say what their schema should be.
    """

    indexed: tuple[str, ...]
    callers: CallerReport
    differences: tuple[str, ...]
    unpinned: tuple[str, ...]

    @property
    def is_safe(self) -> bool:
        """Whether no caller saw an error or waited long, and the schema is the intended one."""
        return not self.differences and _is_calm(self.callers)


def _is_calm(callers: CallerReport) -> bool:
    return not callers.errors and callers.longest <= ALLOWED
