"""Migrations on a real server: applying, undoing, and states."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from oadb.engine import dsn
from oadb.tools.migrations.runner import Report, migrate, rollback, status
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    States,
    Undo,
    refused,
)


@pytest.mark.long("migrates up, down and up")
def test_all_migrations_of_the_repository_can_be_applied_undone_and_applied_again(
    database: MigrationDatabase,
) -> None:
    ids = migrate(database.dsn).applied
    first, beside = database.schema(), database.names_elsewhere()
    undone = rollback(database.dsn, count=len(ids))
    left = database.names_elsewhere()
    again = migrate(database.dsn).applied

    assert again == ids == undone[::-1]
    assert left == [row for row in beside if row != ("schema", "oadb")]
    assert database.schema() == first
    assert database.names_elsewhere() == beside


def test_each_migration_is_applied_once_and_in_order(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")

    assert run() == Report(
        ("0001_create_schema", "0002_create_users", "0003_create_ants"), adopted=()
    )
    assert run() == Report((), ())
    assert database.tables == ["ants", "applied_migrations", "users"]


def test_migrations_are_undone_from_the_last_to_the_first(
    run: Run, undo: Undo, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    run()

    assert undo() == ("0003_create_ants",)
    assert undo(2) == ("0002_create_users", "0001_create_schema")
    assert not database.has("oadb.applied_migrations")


@pytest.mark.parametrize("count", [0, -1, 2])
def test_undoing_more_than_is_applied_is_refused(run: Run, undo: Undo, count: int) -> None:
    run()

    assert f"cannot undo {count} migrations: 1 of oadb are applied" in refused(undo, count=count)


def test_status_creates_nothing_on_a_database_where_nothing_was_applied(
    states: States, database: MigrationDatabase
) -> None:
    before = database.names_elsewhere()

    assert states() == {"0001_create_schema": "pending"}
    assert database.names_elsewhere() == before


def test_status_does_not_wait_for_a_run(
    run: Run, states: States, database: MigrationDatabase
) -> None:
    run()
    with database.connect() as other, other.transaction():
        other.execute("lock table oadb_migration_lock in share update exclusive mode")
        assert states() == {"0001_create_schema": "applied"}


def test_status_has_the_time_at_which_a_migration_was_applied(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.table("0003_create_ants", "ants")

    found = status(database.dsn, packages=folder.packages)

    assert [s.state for s in found] == ["applied", "applied", "pending"]
    assert [bool(s.applied_at and s.applied_at.tzinfo) for s in found] == [True, True, False]


def test_rows_and_notices_of_a_migration_do_not_reach_the_output(
    run: Run,
    folder: MigrationFolder,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "oadb.migrations")
    folder.write(
        "0002_show_things",
        "select 'a row';\ndo $$ begin raise notice 'a notice'; end $$;",
        "select 1;",
    )
    run()

    assert capfd.readouterr() == ("", "")
    assert "NOTICE: a notice" in caplog.messages


def test_every_statement_has_a_lock_timeout_even_outside_of_a_transaction(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    body = "create table oadb.limits as select current_setting('lock_timeout') as found;"
    folder.write("0002_create_limits", body, "drop table oadb.limits;", transactional=False)
    run()

    assert database.query("select found from oadb.limits") == [("4s",)]


def test_limits_in_the_url_take_precedence(
    folder: MigrationFolder, database: MigrationDatabase
) -> None:
    body = "create table oadb.limits as select current_setting('lock_timeout') as found;"
    folder.write("0002_create_limits", body, "drop table oadb.limits;", transactional=False)
    migrate(dsn.parse(f"{database.yoyo_url}&options=-clock_timeout%3D7s"), packages=folder.packages)

    assert database.query("select found from oadb.limits") == [("7s",)]


def test_several_hosts_may_be_given(folder: MigrationFolder, database: MigrationDatabase) -> None:
    keywords = {**database.dsn.keywords, "host": f"/nowhere,{database.host}"}

    assert migrate(replace(database.dsn, keywords=keywords), packages=folder.packages).applied


@pytest.mark.long("starts a server")
def test_an_embedded_server_is_started_for_the_run(folder: MigrationFolder, tmp_path: Path) -> None:
    place = dsn.parse(f"embedded:{tmp_path / 'server'}")

    assert migrate(place, packages=folder.packages).applied == ("0001_create_schema",)
    assert [s.state for s in status(place, packages=folder.packages)] == ["applied"]


def test_two_folders_in_one_process_are_independent(
    run: Run, database: MigrationDatabase, tmp_path: Path, folder: MigrationFolder
) -> None:
    folder.table("0002_create_users", "users")
    run()
    other = type(folder)(tmp_path / "other" / "migrations")
    other.table("0002_create_ants", "ants")
    path = other.file("0002_create_ants.sql")
    path.write_text(f"-- depends: 0002_create_users\n{path.read_text()}")

    text = refused(lambda: status(database.dsn, packages=other.packages))

    assert "'0002_create_users' is not an earlier migration" in text
