"""What a run of migrations is about: packages, and the migrations that they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from oadb.engine.binding.packages import Package, find
from oadb.engine.single_connection import SingleConnection
from oadb.tools.migrations import package_order, recorded_states
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.states import MigrationStatus


@dataclass(frozen=True, slots=True)
class RunScope:
    """The packages that a run is about, and their migrations, in the order of applying them.

    Among these are those of oadb, if a package depends on it; they are applied, and never undone.
    """

    packages: tuple[str, ...]
    migrations: Sequence[Migration]

    @classmethod
    def of(cls, packages: Sequence[Package] | None) -> Self:
        """Read the migrations of packages; None: of oadb.

        Raises:
            MigrationError: files are missing or break rules.
        """
        chosen = [find("oadb")] if packages is None else packages
        return cls(tuple(package.name for package in chosen), package_order.read(chosen))

    def read(self, session: SingleConnection) -> list[MigrationStatus]:
        """Return the state of each migration.

        Raises:
            MigrationError: search_path does not lead to the records.
        """
        return recorded_states.read(session, self.packages, self.migrations)

    def select(self, statuses: Sequence[MigrationStatus], *states: str) -> list[Migration]:
        """Return the migrations that are in one of the *states*, in order."""
        chosen = {status.migration_id for status in statuses if status.state in states}
        return [migration for migration in self.migrations if migration.id in chosen]
