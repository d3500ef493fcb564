"""A database of the packages and what their statements use in it, for findings about both."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.engine.executors import Runner
from oadb.tools import scratch_database
from oadb.tools.dependencies import source_files, statement_uses, usage_file
from oadb.tools.dependencies.code_references import CodePlace, CodeReferences
from oadb.tools.dependencies.usage_file import UsageFile
from oadb.tools.dependencies.uses import AskedStatement
from oadb.tools.migrations import created_schemas
from oadb.tools.plans import sized_database

_ROWS = 10**9


@dataclass(frozen=True)
class Examination:
    """What is asked about packages.

    Attributes:
        dsn: A database with their schemas.
        large: One with the sizes of production, where statements are only planned; None: plans are
            those on empty tables.
    """

    dsn: Dsn
    db: Runner
    packages: Sequence[Package]
    large: Dsn | None = None

    @cached_property
    def asked(self) -> list[AskedStatement]:
        """What each statement uses."""
        return statement_uses.ask(self.dsn, self.packages)

    @cached_property
    def schemas(self) -> dict[str, list[str]]:
        """The schemas of each package that has any."""
        return created_schemas.of_packages(self.packages, by_name=False)

    @property
    def schema_names(self) -> list[str]:
        """The schemas of all of them."""
        return [name for names in self.schemas.values() for name in names]

    @cached_property
    def usage(self) -> dict[str, UsageFile]:
        """The ``uses.toml`` of each package."""
        return {package.name: usage_file.read(package) for package in self.packages}

    @cached_property
    def _references(self) -> CodeReferences:
        return CodeReferences(
            [each for each in source_files.files_of(self.packages) if not each.is_test]
        )

    @cached_property
    def runs(self) -> dict[str, list[AskedStatement]]:
        """Of each role of the files, the statements that it runs."""
        found: dict[str, list[AskedStatement]] = {}
        for each in self.asked:
            for role, statements in self.usage[each.package].roles.items():
                own = found.setdefault(role, [])
                if statements.includes(each.declared.label):
                    own.append(each)
        return found

    @property
    def kept(self) -> dict[str, str]:
        """What is kept although nothing uses it: patterns of kind and name, with the reason."""
        return {name: why for file in self.usage.values() for name, why in file.kept.items()}

    def callers(self, asked: AskedStatement) -> tuple[CodePlace, ...]:
        """Return where code of the packages names a statement, without tests."""
        declared = asked.declared
        return self._references.uses_of(f"{declared.__module__}.{declared.__name__}").callers


@contextmanager
def examining(packages: Sequence[Package]) -> Generator[Examination]:
    """Examine packages in a database on a temporary server.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        MigrationError: a migration failed, or the packages create no schema.
        UnavailableError: the server does not start.
    """
    with scratch_database.migrated(packages) as dsn, Database(Config(dsn=dsn)) as db:
        yield Examination(dsn, db, packages)


@contextmanager
def examining_sizes(packages: Sequence[Package]) -> Generator[Examination]:
    """Examine packages also in a database whose largest tables have 10^9 rows.

    Raises:
        As ``sized_database.sizing``.
    """
    with sized_database.sizing(packages) as sizes:
        dsn = sizes.copy("examined")
        with Database(Config(dsn=dsn)) as db:
            yield Examination(dsn, db, packages, sizes.database(_ROWS))
