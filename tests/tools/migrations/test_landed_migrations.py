"""Landed migrations are never edited: sql/migrations.sum has what each said when it landed."""

from pathlib import Path

import pytest

from tests.support.landed_migrations import LIST, add, checksums, faults, listed
from tests.support.migrations import MIGRATIONS, MigrationFolder

USERS, ANTS = "0002_create_users", "0003_create_ants"


@pytest.fixture
def landed(folder: MigrationFolder, tmp_path: Path) -> Path:
    """Give a list of the folder, which has three migrations."""
    folder.table(USERS, "users")
    folder.table(ANTS, "ants")
    path = tmp_path / "migrations.sum"
    path.touch()
    add(folder.path, path)
    return path


def test_every_migration_is_listed_in_order_and_says_what_it_said_when_it_landed() -> None:
    assert faults(MIGRATIONS, LIST.read_text()) == []
    assert [*listed(LIST.read_text())] == [*checksums(MIGRATIONS)]


def test_the_checksums_that_databases_have_from_before_the_directive_depends_hold() -> None:
    """Of the files as they landed, by sha256sum."""
    known = listed(LIST.read_text())

    assert known["0002_create_users.sql"].startswith("f81d98b596566383")
    assert known["0040_refuse_enabling_oneself.sql"].startswith("42a9a56d8e125035")


@pytest.mark.parametrize("name", [f"{USERS}.sql", f"{USERS}.rollback.sql"])
def test_an_edit_of_a_landed_file_is_a_fault(
    folder: MigrationFolder, landed: Path, name: str
) -> None:
    path = folder.file(name)
    path.write_text(f"{path.read_text()}-- More.\n")

    assert faults(folder.path, landed.read_text()) == [
        f"{name} was edited after it had landed: restore it, and write a new migration"
    ]
    assert add(folder.path, landed) == []
    assert faults(folder.path, landed.read_text())


def test_a_landed_file_that_is_gone_is_a_fault(folder: MigrationFolder, landed: Path) -> None:
    folder.remove(ANTS)

    assert f"{ANTS}.sql landed, and is gone: restore it" in faults(folder.path, landed.read_text())


@pytest.mark.parametrize("stem", [USERS, ANTS])
def test_a_file_that_is_not_listed_is_a_fault_in_the_middle_as_well(
    folder: MigrationFolder, landed: Path, stem: str
) -> None:
    lines = landed.read_text().splitlines(keepends=True)
    landed.write_text("".join(line for line in lines if f"{stem}.sql" not in line))

    assert faults(folder.path, landed.read_text()) == [
        f"{stem}.sql is not listed: run python -m tests.support.landed_migrations"
    ]
