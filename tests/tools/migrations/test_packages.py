"""Migrations of services: each package has its own folder, numbers and record, beside oadb's."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from oadb.engine.binding.packages import Package, find
from oadb.engine.config import Config
from oadb.errors import MigrationError
from oadb.tools import health, service_checks
from oadb.tools.migrations import package_order
from oadb.tools.migrations.runner import Report, migrate, plan, rollback, status
from tests.support.migrations import (
    LOCK_TIMEOUT,
    MigrationDatabase,
    MigrationFolder,
    depends_on_the_one_before,
    refused,
    yoyo_command,
)


@dataclass(frozen=True)
class Service:
    """A package with migrations for a schema of its own name."""

    name: str
    folder: Path

    @property
    def package(self) -> Package:
        return Package(self.name, self.folder, "sql")

    def write(self, stem: str, body: str, rollback: str, *, depends: str = "") -> None:
        migrations = self.folder / "migrations"
        migrations.mkdir(parents=True, exist_ok=True)
        directive = depends_on_the_one_before(migrations, stem, *depends.split())
        (migrations / f"{stem}.sql").write_text(f"{directive}{LOCK_TIMEOUT}\n{body}\n")
        (migrations / f"{stem}.rollback.sql").write_text(f"{LOCK_TIMEOUT}\n{rollback}\n")

    def create(self, *, depends: str = "") -> None:
        """Write the migrations of a schema with a table."""
        name = self.name
        self.write(
            f"0001_create_{name}", f"create schema {name};", f"drop schema {name};", depends=depends
        )
        self.write(
            f"0002_create_{name}_items",
            f"create table {name}.item (item_id bigint primary key);",
            f"drop table {name}.item;",
        )

    def file(self, stem: str) -> Path:
        return self.folder / "migrations" / f"{stem}.sql"


SHOP = ("0001_create_shop", "0002_create_shop_items")
OADB = "0001_create_schema"


@pytest.fixture
def shop(tmp_path: Path) -> Service:
    service = Service("shop", tmp_path / "shop")
    service.create()
    return service


@pytest.fixture
def both(folder: MigrationFolder, shop: Service) -> list[Package]:
    return [*folder.packages, shop.package]


def states(database: MigrationDatabase, packages: list[Package]) -> dict[str, str]:
    found = status(database.dsn, packages=packages)
    return {f"{each.package} {each.migration_id}": each.state for each in found}


@pytest.mark.long("migrates a database of its own")
def test_packages_are_migrated_one_after_the_other(
    database: MigrationDatabase, both: list[Package]
) -> None:
    assert plan(database.dsn, packages=both).applied == (OADB, *SHOP)
    assert migrate(database.dsn, packages=both).applied == (OADB, *SHOP)
    assert migrate(database.dsn, packages=both) == Report((), ())
    assert states(database, both) == {
        f"oadb {OADB}": "applied",
        f"shop {SHOP[0]}": "applied",
        f"shop {SHOP[1]}": "applied",
    }


def test_a_package_alone_needs_nothing_of_oadb(database: MigrationDatabase, shop: Service) -> None:
    assert migrate(database.dsn, packages=[shop.package]).applied == SHOP
    assert not database.query("select 1 from pg_namespace where nspname = 'oadb'")

    path = shop.file(SHOP[1])
    path.write_text(path.read_text().replace("bigint", "integer"))
    assert states(database, [shop.package])[f"shop {SHOP[1]}"] == "edited"
    assert f"{SHOP[1]}.sql was edited" in refused(
        lambda: migrate(database.dsn, packages=[shop.package])
    )


def test_one_package_of_several_can_be_migrated(
    database: MigrationDatabase, folder: MigrationFolder, shop: Service, both: list[Package]
) -> None:
    folder.table("0002_create_users", "users")
    migrate(database.dsn, packages=folder.packages)

    assert states(database, [shop.package]) == {f"shop {stem}": "pending" for stem in SHOP}
    assert migrate(database.dsn, packages=[shop.package]).applied == SHOP
    assert states(database, folder.packages)["oadb 0002_create_users"] == "applied"
    assert len(states(database, both)) == 4


def test_a_new_migration_of_one_package_is_not_late_because_of_another(
    database: MigrationDatabase, folder: MigrationFolder, both: list[Package]
) -> None:
    migrate(database.dsn, packages=both)
    folder.table("0002_a_users", "users")

    assert migrate(database.dsn, packages=both).applied == ("0002_a_users",)


def test_a_package_comes_after_those_that_it_depends_on(
    database: MigrationDatabase, folder: MigrationFolder, tmp_path: Path
) -> None:
    folder.table("0002_create_users", "users")
    first = Service("alpha", tmp_path / "alpha")
    first.create(depends="0002_create_users")
    packages = [first.package, *folder.packages]

    ids = [each.id for each in package_order.read(packages)]
    assert ids == [OADB, "0002_create_users", "0001_create_alpha", "0002_create_alpha_items"]
    assert migrate(database.dsn, packages=packages).applied == tuple(ids)


def test_packages_that_depend_on_each_other_are_refused(tmp_path: Path) -> None:
    one, two = Service("one", tmp_path / "one"), Service("two", tmp_path / "two")
    one.create(depends="0001_create_two")
    two.create(depends="0002_create_one_items")

    with pytest.raises(MigrationError, match="the packages one, two depend on each other"):
        package_order.read([one.package, two.package])


def test_a_migration_that_two_packages_have_is_refused(
    folder: MigrationFolder, shop: Service
) -> None:
    shop.write(OADB, "select 1;", "select 1;")

    with pytest.raises(MigrationError, match="package oadb has a migration of this name") as error:
        package_order.read([shop.package, *folder.packages])
    assert str(shop.folder) in str(error.value)


def test_a_name_that_another_package_has_applied_is_no_edit(
    database: MigrationDatabase, shop: Service, tmp_path: Path
) -> None:
    depot = Service("depot", tmp_path / "depot")
    depot.write(SHOP[0], "create schema depot;", "drop schema depot;")
    migrate(database.dsn, packages=[shop.package])

    assert states(database, [depot.package]) == {f"depot {SHOP[0]}": "taken"}
    said = refused(lambda: migrate(database.dsn, packages=[depot.package]))
    assert "the package shop has applied another migration of this name" in said
    assert "hint: give the file and its rollback another name" in said
    told = service_checks.migrations_finding(status(database.dsn, packages=[depot.package]))
    assert told.text == f"{SHOP[0]} taken by shop"


def test_a_dependency_that_no_package_has_is_refused(shop: Service) -> None:
    shop.write("0003_add_more", "select 1;", "select 1;", depends="0009_nowhere")

    with pytest.raises(MigrationError, match="'0009_nowhere' is not an earlier migration"):
        package_order.read([shop.package])


def test_a_missing_and_a_renamed_file_are_judged_in_their_package(
    database: MigrationDatabase, shop: Service, both: list[Package]
) -> None:
    migrate(database.dsn, packages=both)
    for ending in ("", ".rollback"):
        shop.file(f"{SHOP[1]}{ending}").rename(shop.file(f"0002_create_things{ending}"))

    found = states(database, both)
    assert found[f"shop {SHOP[1]}"] == "gone"
    assert found["shop 0002_create_things"] == "renamed"
    assert found[f"oadb {OADB}"] == "applied"


def test_the_last_migrations_of_all_packages_are_undone_newest_first(
    database: MigrationDatabase, folder: MigrationFolder, both: list[Package]
) -> None:
    migrate(database.dsn, packages=both)
    folder.table("0002_create_users", "users")
    migrate(database.dsn, packages=both)

    assert rollback(database.dsn, packages=both, count=2) == ("0002_create_users", SHOP[1])
    assert rollback(database.dsn, packages=both[1:], count=1) == (SHOP[0],)
    assert states(database, both)[f"shop {SHOP[0]}"] == "pending"
    assert migrate(database.dsn, packages=both).applied == ("0002_create_users", *SHOP)


@pytest.mark.long("migrates a database of its own")
def test_the_yoyo_command_with_both_folders_does_the_same(
    database: MigrationDatabase,
    folder: MigrationFolder,
    shop: Service,
    both: list[Package],
    tmp_path: Path,
) -> None:
    sources = f"{folder.path} {shop.folder / 'migrations'}"
    (tmp_path / "yoyo.ini").write_text(
        f"[DEFAULT]\nsources = {sources}\ndatabase = {database.yoyo_url.replace('%', '%%')}\n"
        "batch_mode = on\n"
    )
    done = yoyo_command("apply", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {*states(database, both).values()} == {"unrecorded"}
    assert migrate(database.dsn, packages=both) == Report((), (OADB, *SHOP))
    assert {*states(database, both).values()} == {"applied"}

    again = yoyo_command("rollback", "--all", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert {*states(database, both).values()} == {"pending"}
    assert migrate(database.dsn, packages=both).applied == (OADB, *SHOP)


@pytest.mark.long("migrates again and again")
def test_oadb_comes_first_where_a_package_that_is_named_alone_depends_on_it(
    database: MigrationDatabase, shop: Service
) -> None:
    shop.write("0003_add_more", "select 1;", "select 1;", depends="0001_create_schema")
    oadb = [each.id for each in package_order.read([find("oadb")])]

    assert [each.id for each in package_order.read([shop.package])] == [
        *oadb,
        *SHOP,
        "0003_add_more",
    ]
    assert migrate(database.dsn, packages=[shop.package]).applied[: len(oadb)] == tuple(oadb)
    assert rollback(database.dsn, packages=[shop.package]) == ("0003_add_more",)
    with pytest.raises(MigrationError, match="2 of shop are applied"):
        rollback(database.dsn, packages=[shop.package], count=3)


def test_oadb_alone_leaves_the_migrations_of_services_out(
    database: MigrationDatabase, both: list[Package]
) -> None:
    migrate(database.dsn, packages=both)

    assert states(database, both[:1]) == {f"oadb {OADB}": "applied"}
    assert migrate(database.dsn, packages=both[:1]).applied == ()
    assert rollback(database.dsn, packages=both[:1]) == (OADB,)


@pytest.mark.long("migrates a database of its own")
def test_the_doctor_leaves_out_what_is_oadbs_for_a_package_that_does_not_use_it(
    database: MigrationDatabase, shop: Service
) -> None:
    def subjects() -> list[str]:
        return [each.subject for each in health.examine(Config(dsn=database.dsn), [shop.package])]

    assert {"connection", "server", "clock", "pool", "migrations"} <= {*subjects()}
    assert not {"extensions", "roles", "row security", "keys", "maintain"} & {*subjects()}
    shop.write("0003_add_more", "select 1;", "select 1;", depends="0001_create_schema")
    assert {"extensions", "keys", "maintain", "migrations"} <= {*subjects()}


def test_a_package_with_queries_only_has_no_migrations(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()

    assert package_order.read([Package("reports", tmp_path, "sql")]) == []
    assert package_order.read([find("oadb")])
