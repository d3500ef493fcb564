"""Migrations that fail: the error, and what remains in the database."""

import pytest

from oadb.tools.migrations.runner import Report, accept
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    States,
    Undo,
    Yoyo,
    refused,
)


def test_a_failed_statement_is_reported_with_file_and_line(
    run: Run, folder: MigrationFolder
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a integer);\n\n-- Not there.\nalter table oadb.users\n"
        "    add column b text,\n    drop column c;",
        "drop table oadb.users;",
    )

    text = refused(run)

    assert text == (
        '0002_create_users.sql:7: column "c" of relation "users" does not exist '
        "(SQLSTATE 42703); the migration was rolled back\n"
        "    alter table oadb.users\n"
        "    hint: correct it and run again"
    )


def test_a_syntax_error_is_reported_with_its_line(run: Run, folder: MigrationFolder) -> None:
    folder.write(
        "0002_create_users", "create table oadb.users (\n  a integer,\n  b whoops);", "select 1;"
    )

    assert '0002_create_users.sql:6: type "whoops" does not exist' in refused(run)


def test_a_failed_migration_is_rolled_back_and_those_before_it_stay(
    run: Run, folder: MigrationFolder, database: MigrationDatabase, states: States
) -> None:
    folder.table("0002_create_users", "users")
    folder.write("0003_create_ants", "create table oadb.ants (a int);\nselect 1/0;", "select 1;")

    assert "division by zero (SQLSTATE 22012)" in refused(run)

    assert database.tables == ["applied_migrations", "users"]
    assert states()["0003_create_ants"] == "pending"
    assert database.query("select * from yoyo_lock") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            """create table oadb.users (a text unique);
            insert into oadb.users select 'sec' || 'ret' from generate_series(1, 2);""",
            "duplicate key value violates unique constraint",
        ),
        ("select ('sec' || 'ret')::integer;", "invalid text representation (SQLSTATE 22P02)"),
    ],
)
def test_row_values_do_not_reach_the_error(
    run: Run, folder: MigrationFolder, body: str, message: str
) -> None:
    folder.write("0002_create_users", body, "drop table oadb.users;")

    text = refused(run)

    assert message in text
    assert "secret" not in text


def test_a_failed_rollback_changes_nothing(
    run: Run, undo: Undo, folder: MigrationFolder, database: MigrationDatabase, states: States
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a int);",
        "drop table oadb.users;\nselect 1/0;",
    )
    run()

    assert "0002_create_users.rollback.sql:4: division by zero" in refused(undo)
    assert database.has("oadb.users")
    assert states()["0002_create_users"] == "applied"


def test_a_statement_that_waits_too_long_for_a_lock_fails(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.write(
        "0003_change_users",
        "set local lock_timeout = '50ms';\nalter table oadb.users add b integer;",
        "select 1;",
    )
    with database.connect() as other, other.transaction():
        other.execute("lock table oadb.users")
        text = refused(run)

    assert "0003_change_users.sql:5: canceling statement due to lock timeout" in text
    assert "hint: another session held a lock" in text


def test_a_failed_commit_is_reported_as_the_failure_of_its_migration(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a int unique deferrable initially deferred);\n"
        "insert into oadb.users values (1), (1);",
        "drop table oadb.users;",
    )

    assert refused(run).startswith("0002_create_users: duplicate key value violates")
    assert not database.has("oadb.users")


def test_a_statement_without_a_transaction_that_ran_before_can_be_marked_as_applied(
    run: Run, folder: MigrationFolder, database: MigrationDatabase, yoyo: Yoyo
) -> None:
    folder.table("0002_create_users", "users")
    run()
    database.query("create index users_a_idx on oadb.users (a)")
    folder.write(
        "0003_index_users",
        "create index concurrently users_a_idx on oadb.users (a);",
        "drop index concurrently oadb.users_a_idx;",
        transactional=False,
    )

    assert "yoyo mark --revision 0003_index_users" in refused(run)

    assert yoyo("mark", "--revision", "0003_index_users").returncode == 0
    accept(database.dsn, "0003_index_users", packages=folder.packages)
    assert run() == Report((), ())


def test_a_run_whose_session_was_terminated_stops_with_an_error(
    folder: MigrationFolder, database: MigrationDatabase, run: Run
) -> None:
    folder.table("0002_create_users", "users")
    folder.write(
        "0003_end_sessions",
        "do $$ begin perform pg_terminate_backend(pid) from pg_locks "
        "where relation = 'oadb_migration_lock'::regclass;"
        " end $$;",
        "select 1;",
    )
    folder.table("0004_create_ants", "ants")

    assert "0004_create_ants: " in refused(run)
    assert not database.has("oadb.ants")


def test_a_lost_connection_is_reported_with_the_running_statement(
    folder: MigrationFolder, run: Run, states: States
) -> None:
    folder.write("0002_end_session", "select pg_terminate_backend(pg_backend_pid());", "select 1;")

    text = refused(run)

    assert "0002_end_session.sql:4: terminating connection" in text
    assert "hint: an administrator terminated the session; run again" in text
    assert states()["0002_end_session"] == "pending"
