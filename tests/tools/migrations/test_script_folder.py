"""The folder of migrations: names, numbers, pairs and encoding of its files."""

import hashlib
from pathlib import Path

import pytest

from oadb.engine.binding.packages import find
from oadb.errors import MigrationError
from oadb.tools.migrations import package_order, script_folder
from tests.support.landed_migrations import add
from tests.support.migrations import LOCK_TIMEOUT, MIGRATIONS, MigrationFolder, Refusal


def test_the_migrations_of_this_repository_pass_every_rule_and_are_the_ones_that_are_run() -> None:
    assert script_folder.read(MIGRATIONS) == package_order.read([find("oadb")])


@pytest.mark.parametrize("name", ["0002_create_users.sql", "0002_create_users.rollback.sql"])
def test_a_file_that_landed_is_checked_once_it_is_edited(
    folder: MigrationFolder, name: str
) -> None:
    folder.table("0002_create_users", "users")
    sums = folder.path.with_suffix(".sum")
    sums.touch()
    add(folder.path, sums)
    path = folder.file(name)
    path.write_text(f"{path.read_text()}commit;\n")

    with pytest.raises(MigrationError, match="commit would commit"):
        package_order.read(folder.packages)

    path.write_text(path.read_text().replace("commit;\n", ""))
    assert len(package_order.read(folder.packages)) == 2


def test_what_a_file_that_landed_says_about_others_is_checked_each_time(
    folder: MigrationFolder,
) -> None:
    folder.table("0002_create_users", "users")
    sums = folder.path.with_suffix(".sum")
    sums.touch()
    add(folder.path, sums)
    path = folder.file("0002_create_users.sql")
    path.write_text(path.read_text().replace("0001_create_schema", "0001_create_scheme"))

    with pytest.raises(MigrationError, match="'0001_create_scheme' is not an earlier migration"):
        package_order.read(folder.packages)


def test_migrations_come_in_the_order_of_their_numbers(folder: MigrationFolder) -> None:
    folder.table("0002_create_ants", "ants")
    folder.table("0003_create_zebras", "zebras")

    ids = [migration.id for migration in script_folder.read(folder.path)]

    assert ids == ["0001_create_schema", "0002_create_ants", "0003_create_zebras"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="the folder does not exist"):
        script_folder.read(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="the folder is empty"):
        script_folder.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "README.sql",
        ".0002.sql",
        "0002_users.sql",
        "002_create_users.sql",
        "0002-create-users.sql",
        "0002_Create_users.sql",
        "0002_create_users.py",
        "0002_create_users.sql.orig",
        "post-apply.sql",
        "notes.md",
    ],
)
def test_a_file_that_is_neither_migration_nor_rollback_is_refused(
    folder: MigrationFolder, refusal: Refusal, name: str
) -> None:
    folder.file(name).write_text("select 1;")

    assert f"{name}:1: neither a migration nor a rollback" in refusal()


def test_a_subfolder_is_refused_because_yoyo_would_ignore_it(
    folder: MigrationFolder, refusal: Refusal
) -> None:
    folder.file("0002_create_users.sql").mkdir()

    assert "0002_create_users.sql:1: neither a migration" in refusal()


def test_a_gap_in_the_numbers_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0003_create_users", "users")

    assert "there is no migration 0002" in refusal()


def test_a_number_used_twice_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0002_create_ants", "ants")

    assert refusal().count("the number 0002 is used twice") == 2


def test_number_zero_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0000_create_users", "users")

    assert "numbers begin with 0001" in refusal()


def test_a_migration_without_rollback_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").unlink()

    assert "write 0002_create_users.rollback.sql" in refusal()


def test_a_rollback_without_migration_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.file("0002_create_users.rollback.sql").write_text(LOCK_TIMEOUT + "select 1;")

    assert "0002_create_users.sql does not exist" in refusal()


def test_a_byte_order_mark_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert "0002_create_users.sql:1: the file begins with a byte order mark" in refusal()


def test_a_file_that_is_not_utf8_is_refused_by_line(
    folder: MigrationFolder, refusal: Refusal
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_bytes(
        LOCK_TIMEOUT.encode() + b"-- caf\xe9\nselect 1;"
    )

    assert "0002_create_users.sql:2: not UTF-8" in refusal()


def test_all_problems_are_reported_at_once(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.write("0002_create_users", "commit;", "select 1;")
    folder.table("0004_create_ants", "ants")
    folder.file("notes.md").write_text("")

    text = refusal()

    assert text.startswith(f"3 problems in {folder.path}; nothing was run\n")
    assert "commit would commit or undo a part" in text
    assert "there is no migration 0003" in text
    assert "notes.md" in text


def test_a_problem_shows_its_line_and_what_to_do(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.write("0002_create_users", "commit;", "select 1;")

    assert refusal().endswith(
        "\n0002_create_users.sql:4: commit would commit or undo a part of "
        "the migration\n"
        "    commit;\n"
        "    hint: remove it; yoyo runs the file in one transaction"
    )


def test_the_checksum_depends_neither_on_line_ends_nor_on_the_directive_depends(
    folder: MigrationFolder,
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    directive = b"-- depends: 0001_create_schema\n"
    expected = hashlib.sha256(path.read_bytes().replace(directive, b"")).digest()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert script_folder.read(folder.path)[1].checksum == expected
