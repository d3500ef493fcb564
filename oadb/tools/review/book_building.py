"""Builds a book: reads files, git and code, and asks PostgreSQL on a temporary server."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.tools import schema, scratch_database
from oadb.tools.contract import comparison
from oadb.tools.dependencies import source_files, statement_uses
from oadb.tools.dependencies.code_references import CodeReferences
from oadb.tools.dependencies.uses import StatementUses
from oadb.tools.migrations import created_schemas
from oadb.tools.plans import planning, scaled_plans, sized_database
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import ScaledPlan
from oadb.tools.plans.sized_database import Sizing
from oadb.tools.review import (
    base_revision,
    book_changes,
    catalog_facts,
    file_history,
    git_repository,
    migration_reviews,
    statement_reviews,
    table_reviews,
)
from oadb.tools.review.base_revision import BasePackage
from oadb.tools.review.book_model import Book, Revision
from oadb.tools.review.file_history import Key
from oadb.tools.review.server_answers import StatementAsker
from oadb.tools.review.statement_reviews import StatementSources, key_of
from oadb.tools.review.table_reviews import TableSources
from oadb.tools.schema import SchemaObject

_PATIENCE = 30.0
"""Seconds for each answer of the server."""

History = dict[Key, list[Revision]]


def build(packages: Sequence[Package], base: str | None = None) -> Book:
    """Return the book of packages; with a *base*, of what changed since that revision of git.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed, or there is no such revision.
        DeclarationError, MigrationError: the files of a package have problems.
        UnavailableError: the temporary server does not start.
    """
    if base is None:
        return _built(packages).book
    with base_revision.exported(packages, base) as old:
        found = _built(packages)
        pairs = [*zip(packages, old, strict=True)]
        changes = [each for pair in pairs for each in book_changes.of_migrations(*pair)]
        if changes:  # otherwise the schema is the same
            objects = _base_objects(old)
            changes = [*changes, *book_changes.of_objects(objects, found.objects, found.owners)]
        of_statements = (each for pair in pairs for each in book_changes.of_statements(*pair))
        return book_changes.narrowed(found.book, base, [*of_statements, *changes])


@dataclass(frozen=True, slots=True)
class _Built:
    """A whole book, and the objects of the schemas; *owners* are the schemas' packages."""

    book: Book
    objects: Sequence[SchemaObject]
    owners: Mapping[str, str]


def _built(packages: Sequence[Package]) -> _Built:
    owners = _owners(packages)
    with ThreadPoolExecutor(3) as threads:  # while the server starts, migrates and plans
        references = threads.submit(lambda: CodeReferences(source_files.files_of(packages)))
        history = threads.submit(_history, packages)
        with sized_database.sizing(packages) as sizes:
            dsn = sizes.copy("reviewed")
            objects, keys = _schema(dsn, owners)
            asked = threads.submit(_uses, packages, dsn)
            plans, uses = _plans(packages, sizes), asked.result()
            keywords = connection_keywords(dsn, {})
            with DirectConnection.to(keywords, seconds=_PATIENCE, context=Untyped()) as connection:
                asker = StatementAsker(connection)
                sources = StatementSources(
                    asker, references.result(), history.result(), plans, uses
                )
                statements = tuple(statement_reviews.review(packages, sources))
    tables = table_reviews.review(TableSources(objects, owners, keys, statements))
    book = Book(
        title=f"Review of {', '.join(package.name for package in packages)}",
        revision=_revision(packages),
        packages=tuple(package.name for package in packages),
        statements=statements,
        tables=tuple(tables),
        migrations=tuple(migration_reviews.review(packages, history.result())),
    )
    return _Built(book, objects, owners)


def _base_objects(old: Sequence[BasePackage]) -> list[SchemaObject]:
    packages = [each.sql for each in old]
    with scratch_database.migrated(packages) as dsn:
        return _schema(dsn, _owners(packages))[0]


def _owners(packages: Sequence[Package]) -> dict[str, str]:
    return {name: each.name for each in packages for name in created_schemas.schemas(each)}


def _schema(
    dsn: Dsn, schemas: Iterable[str]
) -> tuple[list[SchemaObject], list[catalog_facts.ForeignKey]]:
    names = [*schemas]
    with Database(Config(dsn=dsn)) as db:
        objects = db.transact(
            lambda tx: schema.read_present(tx, names), isolation="repeatable read", read_only=True
        )
        return objects, catalog_facts.list_foreign_keys(db, names)


def _uses(packages: Sequence[Package], dsn: Dsn) -> dict[str, StatementUses]:
    asked = statement_uses.ask(dsn, packages)
    found = ((key_of(each.declared), each.uses) for each in asked)
    return {key: uses for key, uses in found if isinstance(uses, StatementUses)}


def _plans(packages: Sequence[Package], sizes: Sizing) -> dict[str, list[ScaledPlan | Unplanned]]:
    """Return the plans of the forms of each statement."""
    forms = [
        (key_of(declared), form)
        for package in packages
        for queries in comparison.declarations(package)
        for declared in queries
        for form in planning.statements(declared)
    ]
    plans = scaled_plans.plan_all(sizes.database, [form for _, form in forms])
    found: dict[str, list[ScaledPlan | Unplanned]] = {}
    for (key, _), plan in zip(forms, plans, strict=True):
        found.setdefault(key, []).append(plan)
    return found


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
