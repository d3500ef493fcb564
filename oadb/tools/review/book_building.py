"""Builds a book: reads files, git and code, and asks PostgreSQL on a temporary server."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oadb.engine.binding.packages import Package
from oadb.tools import scratch_database
from oadb.tools.compat import base_release
from oadb.tools.compat.base_release import BaseRelease
from oadb.tools.dependencies import source_files
from oadb.tools.dependencies.code_references import CodeReferences
from oadb.tools.migrations import created_schemas
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.plans import sized_database
from oadb.tools.review import (
    book_changes,
    file_history,
    git_repository,
    migration_reviews,
    release_comparison,
    server_questions,
    statement_reviews,
    table_reviews,
)
from oadb.tools.review.book_model import Book
from oadb.tools.review.file_history import Key, Revision
from oadb.tools.review.migration_reviews import MigrationSources
from oadb.tools.review.statement_reviews import StatementSources
from oadb.tools.review.table_reviews import TableSources
from oadb.tools.schema import SchemaObject

History = dict[Key, list[Revision]]


def build(packages: Sequence[Package], base: str | None = None) -> Book:
    """Return the book of packages; with a *base*, a revision or a wheel, of what changed since.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        DeclarationError, MigrationError: the files of a package have problems.
        UnavailableError: the temporary server does not start.
        UsageError: there is no such revision.
    """
    if base is None:
        return _built(packages, None).book
    with base_release.taken(base, packages) as old, ThreadPoolExecutor(2) as threads:
        changes = [each for one in packages for each in book_changes.of_migrations(one, old)]
        changed = {(each.package, each.name) for each in changes}
        # Without any, the schema is the same, and old code goes on to work.
        asked = threads.submit(_base_objects, old, packages) if changes else None
        compared = threads.submit(release_comparison.compare, old, packages) if changes else None
        found = _built(packages, lambda each: (each.package, each.id) in changed)
        if asked:
            changes += book_changes.of_objects(asked.result(), found.objects, found.owners)
        of_statements = (each for one in packages for each in book_changes.of_statements(one, old))
        disagreements = compared.result() if compared else []
        return book_changes.narrowed(found.book, base, [*of_statements, *changes], disagreements)


@dataclass(frozen=True, slots=True)
class _Built:
    """A whole book, and the objects of the schemas; *owners* are the schemas' packages."""

    book: Book
    objects: Sequence[SchemaObject]
    owners: Mapping[str, str]


def _built(packages: Sequence[Package], is_tried: Callable[[Migration], bool] | None) -> _Built:
    owners = _owners(packages)
    with ThreadPoolExecutor(4) as threads:  # while the server starts, migrates and plans
        referring = threads.submit(lambda: CodeReferences(source_files.files_of(packages)))
        reading = threads.submit(_history, packages)
        with sized_database.sizing(packages) as sizes:
            found = server_questions.ask(packages, owners, sizes, threads, is_tried)
        references, history = referring.result(), reading.result()
    statements = tuple(
        statement_reviews.review(packages, StatementSources(found, references, history))
    )
    tables = TableSources(found.objects, owners, found.links, statements, found.sizes)
    migrations = MigrationSources(history, found.measured)
    book = Book(
        title=f"Review of {', '.join(package.name for package in packages)}",
        revision=_revision(packages),
        packages=tuple(package.name for package in packages),
        statements=statements,
        tables=tuple(table_reviews.review(tables)),
        migrations=tuple(migration_reviews.review(packages, migrations)),
    )
    return _Built(book, found.objects, owners)


def _base_objects(old: BaseRelease, packages: Sequence[Package]) -> list[SchemaObject]:
    before = [old.package(each) for each in packages]
    with scratch_database.migrated(before) as dsn:
        return server_questions.read_schema(dsn, _owners(before))[0]


def _owners(packages: Sequence[Package]) -> dict[str, str]:
    return {name: each.name for each in packages for name in created_schemas.schemas(each)}


def _history(packages: Sequence[Package]) -> History | None:
    """Return the commits of the files of all packages; None if one is in no repository."""
    found: History = {}
    for package in packages:
        root = git_repository.root_of(source_files.project_of(package))
        if root is None:
            return None
        found |= file_history.read(root, Path(str(package.sql)).resolve())
    return found


def _revision(packages: Sequence[Package]) -> str:
    root = git_repository.root_of(source_files.project_of(packages[0]))
    return "" if root is None else git_repository.head_of(root)
