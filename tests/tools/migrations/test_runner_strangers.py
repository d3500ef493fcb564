"""Databases that are not as a run of migrations needs them: told at once, nothing is changed."""

from collections.abc import Generator
from dataclasses import replace
from time import monotonic

import pytest

from oadb.tools.migrations.runner import Report, accept, migrate, rollback, status
from tests.support.migrations import MigrationDatabase, MigrationFolder, Run, Yoyo, refused

# What is there, in every schema but those of PostgreSQL.
_EVERYTHING = """
select class.relname::text from pg_class as class
where class.relnamespace::regnamespace::text !~ '^pg_|^information_schema$'
union all select nspname::text from pg_namespace where nspname !~ '^pg_'
union all select migration_id || operation from {log}
order by 1
"""


@pytest.fixture
def stranger(database: MigrationDatabase) -> Generator[MigrationDatabase]:
    """Give the database as a role sees it that may connect, and nothing else."""
    database.query("create role stranger login; revoke create on schema public from public")
    yield replace(database, user="stranger")
    database.query("drop owned by stranger; drop role stranger")


def everything(database: MigrationDatabase) -> list[tuple[str]]:
    [(has_log,)] = database.query("select to_regclass('public._yoyo_log') is not null")
    log = "public._yoyo_log" if has_log else "(select '' as migration_id, '' as operation) as none"
    return database.query(_EVERYTHING.format(log=log))


def test_a_role_without_rights_cannot_migrate_an_empty_database(
    folder: MigrationFolder, database: MigrationDatabase, stranger: MigrationDatabase
) -> None:
    before, begun = everything(database), monotonic()

    text = refused(lambda: migrate(stranger.dsn, packages=folder.packages))

    assert "permission denied for schema public (SQLSTATE 42501)" in text
    assert "hint: run migrations as a role that has this privilege" in text
    assert (everything(database), monotonic() - begun < 5) == (before, True)


def test_a_database_of_another_owner_is_neither_migrated_nor_looked_into(
    folder: MigrationFolder, database: MigrationDatabase, stranger: MigrationDatabase, run: Run
) -> None:
    run()
    folder.table("0002_create_users", "users")
    before, begun = everything(database), monotonic()

    may_run = "hint: run migrations as a role that has this privilege"
    may_look = "hint: look as the role that migrates, or as the owner of the table: grant select"
    for call, hint in ((status, may_look), (migrate, may_run), (rollback, may_run)):
        text = refused(lambda call=call: call(stranger.dsn, packages=folder.packages))
        assert "permission denied for " in text
        assert hint in text
    assert (everything(database), monotonic() - begun < 5) == (before, True)


def test_a_schema_of_that_name_that_is_somebody_elses_stays_as_it_is(
    folder: MigrationFolder, database: MigrationDatabase, run: Run
) -> None:
    database.query("create schema oadb; create table oadb.theirs (a integer)")

    text = refused(run)

    assert 'schema "oadb" already exists (SQLSTATE 42P06); the migration was rolled back' in text
    assert "if it belongs to somebody else, move it out of the way" in text
    assert database.tables == ["theirs"]
    assert {each.state for each in status(database.dsn, packages=folder.packages)} == {"pending"}


def test_what_a_stopped_yoyo_command_did_without_recording_it_is_marked_and_accepted(
    folder: MigrationFolder, database: MigrationDatabase, run: Run, yoyo: Yoyo
) -> None:
    run()
    folder.table("0002_create_users", "users")
    database.query("create table oadb.users (a integer)")

    text = refused(run)

    assert 'relation "users" already exists (SQLSTATE 42P07); the migration was rolled back' in text
    assert "yoyo mark --revision 0002_create_users, then oadb migrate accept 0002_create_u" in text
    yoyo("mark", "--revision", "0002_create_users")
    accept(database.dsn, "0002_create_users", packages=folder.packages)
    assert run() == Report((), ())


def test_an_extension_that_the_server_does_not_have_is_named(
    folder: MigrationFolder, database: MigrationDatabase, run: Run
) -> None:
    folder.write("0002_add_search", "create extension pg_nowhere;", "drop extension pg_nowhere;")

    text = refused(run)

    assert 'extension "pg_nowhere" is not available (SQLSTATE 0A000); the migration was' in text
    assert "hint: The extension must first be installed on the system" in text
    assert [each.state for each in status(database.dsn, packages=folder.packages)] == [
        "applied",
        "pending",
    ]
