"""A small package whose migrations are planted, and databases for it."""

import itertools
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from psycopg import sql

from oadb.engine.binding.packages import Package, find
from oadb.tools.migrations import migration_preview, runner
from oadb.tools.migrations.migration_preview import MigrationPreview
from tests.support.migrations import LOCK_TIMEOUT, MigrationDatabase, depends_on_the_one_before

ORDERS = 'shop."or""ders"'
ROWS = 20_000

_TABLES = f"""
create schema shop;
create table shop.customers (customer_id bigint primary key);
create table {ORDERS} (
    order_id bigint primary key,
    customer_id bigint not null,
    quantity integer not null,
    note text
);
create table shop.few (few_id bigint primary key, word text);
"""
_FILL = f"""
insert into shop.customers select generate_series(1, {ROWS});
insert into {ORDERS} select n, n, n, 'note' from generate_series(1, {ROWS}) as n;
insert into shop.few values (1, 'one');
"""

_NUMBERS = itertools.count(1)


def _without_shop() -> dict[str, ModuleType]:
    """Forget the package shop as if it were not imported, and return its modules."""
    find.cache_clear()
    names = [name for name in sys.modules if name.partition(".")[0] == "shop"]
    return {name: sys.modules.pop(name) for name in names}


class PlantedShop:
    """The package shop, whose first migration creates its tables."""

    def __init__(self, folder: Path) -> None:
        package = folder / "shop"
        self._folder = folder
        self._migrations = package / "sql" / "migrations"
        self._migrations.mkdir(parents=True)
        (package / "__init__.py").touch()
        self.packages = [Package("shop", package / "sql", "sql")]
        self.plant("create_shop", _TABLES, "drop schema shop cascade;")

    @contextmanager
    def importable(self) -> Generator[None]:
        """Let commands find the package by its name, whatever other shop was imported before."""
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(self._folder)
            others = _without_shop()
            try:
                yield
            finally:
                _without_shop()
                sys.modules.update(others)

    def plant(
        self, name: str, body: str, rollback: str = "select 1;", *, transactional: bool = True
    ) -> str:
        """Write a migration with the next number, and return its id."""
        number = len([*self._migrations.glob("*.rollback.sql")]) + 1
        id_ = f"{number:04}_{name}"
        begin = LOCK_TIMEOUT if transactional else ""
        directives = depends_on_the_one_before(self._migrations, id_)
        directives += "" if transactional else "-- transactional: false\n"
        (self._migrations / f"{id_}.sql").write_text(f"{directives}{begin}{body}\n")
        (self._migrations / f"{id_}.rollback.sql").write_text(f"{begin}{rollback}\n")
        return id_

    def declare(self, module: str, sql_text: str, code: str) -> None:
        """Write a query file, and the module that declares its statements."""
        queries = self._migrations.parent / "queries"
        queries.mkdir(exist_ok=True)
        (queries / f"{module}.sql").write_text(sql_text)
        (self._folder / "shop" / f"{module}.py").write_text(code)

    def say(self, statistics: str) -> None:
        """Write a file of statistics."""
        folder = self._migrations.parent / "statistics"
        folder.mkdir()
        (folder / "all.json").write_text(statistics)

    def remove(self, id_: str) -> None:
        """Delete the files of a migration."""
        for ending in (".sql", ".rollback.sql"):
            (self._migrations / f"{id_}{ending}").unlink()

    def migrate(self, database: MigrationDatabase) -> None:
        """Apply what is pending."""
        runner.migrate(database.dsn, packages=self.packages)

    def fill(self, database: MigrationDatabase) -> None:
        """Insert ROWS orders and customers, and one row into few."""
        database.query(_FILL)
        database.query("vacuum analyze")

    def preview(
        self, live: MigrationDatabase, scratch: MigrationDatabase, patience: float = 10.0
    ) -> dict[str, MigrationPreview]:
        """Return what a dry run finds, by the ids of migrations without their numbers."""
        pending = runner.plan(live.dsn, packages=self.packages).applied
        found = migration_preview.preview_on(
            scratch.dsn, live.dsn, self.packages, pending, patience=patience
        )
        return {each.trial.migration.id[5:]: each for each in found}


@contextmanager
def databases(server: str, count: int) -> Generator[Sequence[MigrationDatabase]]:
    """Give empty databases on a server; they are dropped at the end."""
    home = MigrationDatabase(server, "postgres")
    names = [f"planted_{next(_NUMBERS)}" for _ in range(count)]
    with home.connect() as connection, ExitStack() as stack:
        for name in names:
            named = sql.Identifier(name)
            connection.execute(sql.SQL("create database {}").format(named))
            drop = sql.SQL("drop database {} with (force)").format(named)
            stack.callback(connection.execute, drop)
        yield [MigrationDatabase(server, name) for name in names]
