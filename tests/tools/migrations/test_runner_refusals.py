"""Runs of migrations that are refused before anything is run."""

from dataclasses import replace

import pytest

from oadb.engine import dsn
from oadb.errors import UnavailableError
from oadb.tools.migrations.runner import Report, migrate
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    States,
    Undo,
    Yoyo,
    refused,
)


def test_files_are_checked_before_connecting(folder: MigrationFolder) -> None:
    folder.write("0002_create_users", "commit;", "select 1;")

    text = refused(
        lambda: migrate(dsn.parse("postgresql://nowhere.invalid/x"), packages=folder.packages)
    )

    assert "nothing was run" in text


def test_an_edited_applied_file_is_refused(
    run: Run, undo: Undo, folder: MigrationFolder, states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    path = folder.file("0002_create_users.sql")
    path.write_text(path.read_text().replace("integer", "bigint"))

    assert "0002_create_users.sql was edited after it was applied at 20" in refused(run)
    assert "0002_create_users.sql was edited" in refused(undo)
    assert states()["0002_create_users"] == "edited"


def test_other_line_ends_do_not_count_as_an_edit(run: Run, folder: MigrationFolder) -> None:
    run()
    path = folder.file("0001_create_schema.sql")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert run() == Report((), ())


def test_a_renamed_applied_file_is_refused(
    run: Run, folder: MigrationFolder, states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    for name in ("0002_create_users.sql", "0002_create_users.rollback.sql"):
        folder.file(name).rename(folder.file(name.replace("users", "people")))

    assert "0002_create_people.sql is an applied migration under a new name" in refused(run)
    assert states()["0002_create_users"] == "gone"
    assert states()["0002_create_people"] == "renamed"


def test_a_missing_file_of_an_applied_migration_is_refused(
    run: Run, undo: Undo, folder: MigrationFolder, states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.remove("0002_create_users")

    assert "0002_create_users.sql does not exist, but was applied at 20" in refused(run)
    assert "0002_create_users.sql does not exist, but" in refused(undo)
    assert states()["0002_create_users"] == "gone"


def test_a_late_migration_is_refused(
    run: Run, yoyo: Yoyo, folder: MigrationFolder, states: States
) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    assert yoyo("apply", "--match", "0001|0003").returncode == 0

    assert "0002_create_users.sql is not applied, although a later" in refused(run)
    assert states() == {
        "0001_create_schema": "unrecorded",
        "0002_create_users": "late",
        "0003_create_ants": "unrecorded",
    }


def test_all_disagreements_are_reported_at_once(run: Run, folder: MigrationFolder) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    run()
    folder.remove("0003_create_ants")
    folder.table("0002_create_users", "people")

    text = refused(run)

    assert "0002_create_users.sql was edited" in text
    assert "0003_create_ants.sql does not exist, but was applied" in text


def test_an_invalid_index_is_refused_with_the_command_that_drops_it(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a integer);\ninsert into oadb.users values (1), (1);",
        "drop table oadb.users;",
    )
    folder.write(
        "0003_index_users",
        'create unique index concurrently "Users key" on oadb.users (a);',
        'drop index concurrently oadb."Users key";',
        transactional=False,
    )
    assert "could not create unique index" in refused(run)

    text = refused(run)
    assert 'drop index concurrently oadb."Users key"; then run again' in text

    database.query('drop index concurrently oadb."Users key"')
    database.query("delete from oadb.users")
    assert run().applied == ("0003_index_users",)


def test_a_user_without_a_name_is_refused_before_anything_is_run(
    run: Run, database: MigrationDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)

    assert "LOGNAME" in refused(run)
    assert not database.has("public.yoyo_lock")


def test_a_role_that_may_not_create_tables_is_refused_at_once(
    folder: MigrationFolder, database: MigrationDatabase
) -> None:
    database.query("create role visitor login")
    try:
        visitor = replace(database, user="visitor")
        text = refused(lambda: migrate(visitor.dsn, packages=folder.packages))
    finally:
        database.query("drop role visitor")

    assert "permission denied for schema public (SQLSTATE 42501)" in text
    assert "hint: run migrations as a role that has this privilege" in text


def test_a_server_that_does_not_answer_is_unavailable_and_the_password_stays_secret(
    folder: MigrationFolder,
) -> None:
    nowhere = dsn.parse("postgresql://ada:hunter2@127.0.0.1:1/x")

    with pytest.raises(UnavailableError) as error:
        migrate(nowhere, packages=folder.packages)

    assert "ada@127.0.0.1:1/x" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_history_that_another_search_path_hides_is_refused(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    run()
    database.query("create schema other")
    hidden = dsn.parse(f"{database.yoyo_url}&options=-csearch_path%3Dother")

    text = refused(lambda: migrate(hidden, packages=folder.packages))

    assert "it is in schema public" in text
