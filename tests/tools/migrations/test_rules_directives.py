"""Directives of migrations: only those that yoyo follows pass."""

import pytest

from oadb.tools.migrations import script_folder
from tests.support.migrations import LOCK_TIMEOUT, MigrationFolder, Refusal


@pytest.mark.parametrize(
    "line",
    [
        "-- Transactional: false",
        "-- TRANSACTIONAL: false",
        "-- transactional = false",
        "-- transactional=false",
        "-- transactional false",
        "-- transaction: false",
        "-- transactionel: false",
        "-- no-transaction: true",
        "-- depend: 0001_create_schema",
        "-- depends 0001_create_schema",
        "-- Depends: 0001_create_schema",
        "---- transactional: false",
    ],
)
def test_a_misspelt_directive_is_refused(
    folder: MigrationFolder, refusal: Refusal, line: str
) -> None:
    folder.write("0002_create_users", "create table oadb.users (a integer);", "select 1;")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- Users.\n{line}\n{path.read_text()}")

    assert "0002_create_users.sql:2: yoyo does not recognise this directive" in refusal()
    assert f"    {line}\n" in refusal()


@pytest.mark.parametrize(
    "text",
    [
        f"{LOCK_TIMEOUT}-- transactional: false\nselect 1;",
        f"/* licence */\n-- transactional: false\n{LOCK_TIMEOUT}select 1;",
        f"/* licence\n   transactional: false */\n{LOCK_TIMEOUT}select 1;",
        f"{LOCK_TIMEOUT}select 1; -- depends: 0001_create_schema",
    ],
)
def test_a_directive_after_the_head_of_the_file_is_refused(
    folder: MigrationFolder, refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(text)

    assert "yoyo ignores directives after the first statement" in refusal()


@pytest.mark.parametrize("value", ["no", "False", "0", "", "false, really"])
def test_a_value_other_than_true_or_false_is_refused(
    folder: MigrationFolder, refusal: Refusal, value: str
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- transactional: {value}\n{path.read_text()}")

    assert f"transactional is {value!r}\n" in refusal()


def test_a_directive_given_twice_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text("-- transactional: true\n" * 2 + path.read_text())

    assert "0002_create_users.sql:2: a second transactional directive" in refusal()


def test_a_directive_in_a_rollback_file_is_refused(
    folder: MigrationFolder, refusal: Refusal
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.rollback.sql")
    path.write_text(f"-- transactional: false\n{path.read_text()}")

    assert "yoyo ignores directives in a rollback file" in refusal()


@pytest.mark.parametrize("ids", ["0003_create_ants", "0002_create_users", "0001_create_schema,"])
def test_depending_on_anything_but_an_earlier_migration_is_refused(
    folder: MigrationFolder, refusal: Refusal, ids: str
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- depends: {ids}\n{path.read_text()}")

    assert f"{ids!r} is not an earlier migration" in refusal()


def test_prose_that_only_mentions_transactions_passes(folder: MigrationFolder) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(
        "-- Users: what a transaction writes depends on them, and is false in no case.\n"
        f"-- Lock: none.\n{path.read_text()}"
    )

    assert len(script_folder.read(folder.path)) == 2


@pytest.mark.parametrize("depends", ["", "-- depends: 0001_create_schema\n"])
def test_a_migration_that_does_not_depend_on_the_one_before_it_is_refused(
    folder: MigrationFolder, refusal: Refusal, depends: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0003_create_ants.rollback.sql").write_text(f"{LOCK_TIMEOUT}select 1;")
    folder.file("0003_create_ants.sql").write_text(f"{depends}{LOCK_TIMEOUT}select 1;")

    text = refusal()

    assert text.startswith("1 problem in ")
    assert "0003_create_ants.sql:1: the migration does not depend on 0002_create_users, " in text
    assert "begin the file with -- depends: 0002_create_users" in text


def test_a_migration_may_depend_on_others_as_well(folder: MigrationFolder) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    path = folder.file("0003_create_ants.sql")
    path.write_text(
        path.read_text().replace("0002_create_users", "0001_create_schema 0002_create_users")
    )

    last = script_folder.read(folder.path)[-1]

    assert last.depends == ("0001_create_schema", "0002_create_users")
