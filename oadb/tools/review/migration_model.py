"""The review of a migration as data: its files, and what it does to tables that are there."""

from collections.abc import Sequence
from dataclasses import dataclass

from oadb.tools.migrations.table_states import WEAK
from oadb.tools.review.file_history import Revision


@dataclass(frozen=True, slots=True)
class MeasuredLock:
    """A lock that a statement of a migration takes on a table that is there before it.

    Attributes:
        line: Of the statement, in the file.
        waits: What waits for it: ``reads and writes``; empty if nothing does.
        held: Of each scale, how long: ``an instant``, ``seconds``, ``hours``, ``not known``.
        meanwhile: What takes more than an instant at the first scale until it is released, the
            longest first.
    """

    line: int
    table: str
    mode: str
    waits: str
    held: tuple[str, ...]
    meanwhile: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredWork:
    """What a statement does to the rows of a table: reads all, writes them again, builds an index.

    Attributes:
        takes: Of each scale, how long: ``an instant``, ``seconds``, ``hours``, ``not known``.
    """

    line: int
    does: str
    takes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredMigration:
    """What a migration did when it was tried on the schema that the ones before it make.

    Attributes:
        scales: The rows of the largest tables that *held* and *takes* are for, the most first.
        failure: Why it does not run; then nothing else is known.
        lock_timeout: How long its statements wait for a lock, as PostgreSQL shows it.
        undoing_failure: Why its rollback does not run; empty if it does.
        dropped: Tables and columns that no rollback brings back with their values.
    """

    scales: tuple[int, ...]
    locks: tuple[MeasuredLock, ...] = ()
    works: tuple[MeasuredWork, ...] = ()
    failure: str = ""
    lock_timeout: str = ""
    undoing_failure: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseDisagreement:
    """What of the code of the base and of the new code does not go with a migration, as a line.

    Attributes:
        migration: Its id; empty where the base could not be compared.
        is_refused: Whether a rolling deploy would fail for it.
    """

    migration: str
    text: str
    is_refused: bool


@dataclass(frozen=True, slots=True)
class MigrationReview:
    """A migration, by its files.

    Attributes:
        comment: Its purpose, without the parts below.
        lock: What its comment says about locks.
        deploy: Before or after which code it is to be run.
        measured: What it did when it was tried; None: an earlier one failed.
        breaks: What of old and new code does not go with it; None: not compared.
    """

    package: str
    id: str
    path: str
    comment: str
    lock: str
    deploy: str
    is_transactional: bool
    sql: str
    rollback: str
    history: Sequence[Revision] | None = None
    measured: MeasuredMigration | None = None
    breaks: tuple[ReleaseDisagreement, ...] | None = None

    @property
    def unsaid(self) -> list[str]:
        """The locks that stop others, and that its comment about locks does not name."""
        locks = () if self.measured is None else self.measured.locks
        return [
            f"{each.mode} on {each.table}"
            for each in locks
            if each.waits
            and each.mode != WEAK
            and not (each.mode in self.lock and _name_of(each.table) in self.lock)
        ]


def _name_of(table: str) -> str:
    return table.partition(".")[2]
