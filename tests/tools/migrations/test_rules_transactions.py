"""Transactions of migrations: the lock timeout, and statements that need no transaction."""

import pytest

from oadb.tools.migrations import script_folder
from tests.support.migrations import LOCK_TIMEOUT, MigrationFolder, Refusal


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "select 1;",
            marks=pytest.mark.planted("migration", "it does not say how long it waits for a lock"),
        ),
        "set lock_timeout = '4s';",
        pytest.param(
            "set local lock_timeout = 0;",
            marks=pytest.mark.planted("migration", "it waits for a lock for any time"),
        ),
        "set local lock_timeout = '0';",
        "set local statement_timeout = '4s';",
    ],
)
def test_a_migration_that_does_not_begin_with_a_lock_timeout_is_refused(
    folder: MigrationFolder, refusal: Refusal, statement: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(
        f"-- Users.\n\n{statement}\n{LOCK_TIMEOUT}select 1;"
    )

    assert "0002_create_users.sql:3: the first statement does not set lock_timeout" in refusal()


@pytest.mark.parametrize("value", ["'4s'", "'500 ms'", "4000", "'1min'"])
def test_any_lock_timeout_passes(folder: MigrationFolder, value: str) -> None:
    folder.table("0002_create_users", "users")
    text = f"-- depends: 0001_create_schema\n\nSET LOCAL lock_timeout TO {value};\nselect 1;"
    folder.file("0002_create_users.sql").write_text(text)

    assert len(script_folder.read(folder.path)) == 2


@pytest.mark.planted("migration", "a rollback does not say how long it waits for a lock")
def test_a_rollback_that_does_not_begin_with_a_lock_timeout_is_refused(
    folder: MigrationFolder, refusal: Refusal
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").write_text("drop table oadb.users;")

    assert (
        "0002_create_users.rollback.sql:1: the first statement does not set lock_timeout"
        in refusal()
    )


@pytest.mark.parametrize("text", [LOCK_TIMEOUT, f"{LOCK_TIMEOUT}-- nothing more\n"])
def test_a_rollback_without_statements_is_refused(
    folder: MigrationFolder, refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").write_text(text)

    assert "0002_create_users.rollback.sql:1: the file changes nothing" in refusal()


@pytest.mark.parametrize("text", ["", "\n", "-- later\n"])
def test_a_migration_without_statements_is_refused(
    folder: MigrationFolder, refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(text)

    assert "0002_create_users.sql:1: the first statement does not set lock_timeout" in refusal()


@pytest.mark.parametrize(
    "statement",
    [
        "create index concurrently i on oadb.users (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON oadb.users (a)",
        "drop index concurrently oadb.i",
        "reindex table concurrently oadb.users",
        "alter table oadb.users detach partition oadb.users_1 concurrently",
        "vacuum oadb.users",
        "alter system set work_mem = '4MB'",
        "create database other",
    ],
)
def test_a_statement_that_cannot_run_in_a_transaction_is_refused_in_one(
    folder: MigrationFolder, refusal: Refusal, statement: str
) -> None:
    folder.write("0002_change_users", f"{statement};", "select 1;")

    assert "cannot run inside a transaction" in refusal()


def test_one_statement_without_a_transaction_passes(folder: MigrationFolder) -> None:
    folder.write(
        "0002_create_index",
        "create index concurrently i on oadb.users (a);",
        "drop index concurrently oadb.i;",
        transactional=False,
    )

    assert [m.transactional for m in script_folder.read(folder.path)] == [True, False]


@pytest.mark.parametrize(
    ("body", "rollback", "place"),
    [
        ("create table oadb.a (a int);\nselect 1;", "drop table oadb.a;", ".sql:5"),
        ("create table oadb.a (a int);", "drop table oadb.a;\nselect 1;", ".rollback.sql:2"),
    ],
)
def test_two_statements_without_a_transaction_are_refused(
    folder: MigrationFolder, refusal: Refusal, body: str, rollback: str, place: str
) -> None:
    folder.write("0002_create_ants", body, rollback, transactional=False)

    assert f"0002_create_ants{place}: 2 statements" in refusal()
