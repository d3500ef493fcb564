"""Plans of migrations: what a run or a rollback would do, and what it refuses."""

import pytest

from oadb.tools.migrations.runner import Report, plan, plan_rollback, rollback
from tests.support.migrations import MigrationDatabase, MigrationFolder, Run, Yoyo, refused

FIRST, SECOND = "0001_create_schema", "0002_create_users"


def test_a_plan_is_what_the_run_does_and_changes_nothing(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table(SECOND, "users")
    before = database.names_elsewhere()

    planned = plan(database.dsn, packages=folder.packages)
    assert database.names_elsewhere() == before
    assert planned == run() == Report((FIRST, SECOND), ())
    assert plan(database.dsn, packages=folder.packages) == Report((), ())


def test_a_plan_names_what_would_be_recorded(
    yoyo: Yoyo, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    yoyo("apply")

    assert plan(database.dsn, packages=folder.packages) == Report((), (FIRST,))
    assert plan(database.dsn, packages=folder.packages) == Report((), (FIRST,))


def test_a_plan_of_a_rollback_is_what_it_undoes(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table(SECOND, "users")
    run()

    planned = plan_rollback(database.dsn, packages=folder.packages, count=2)
    assert planned == (SECOND, FIRST)
    assert database.has("oadb.users")
    assert rollback(database.dsn, packages=folder.packages, count=2, expected=planned) == planned


def test_a_rollback_of_other_migrations_than_expected_is_refused(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    folder.table(SECOND, "users")
    run()
    text = refused(lambda: rollback(database.dsn, packages=folder.packages, expected=[FIRST]))

    assert text == (
        "nothing was run: other migrations were applied or undone meanwhile; "
        f"the last are {SECOND} now"
    )
    assert database.has("oadb.users")


def test_what_stops_a_run_stops_its_plan(
    run: Run, folder: MigrationFolder, database: MigrationDatabase
) -> None:
    run()
    path = folder.file(f"{FIRST}.sql")
    path.write_text(f"{path.read_text()}\n")

    for planning in (plan, plan_rollback):
        text = refused(lambda planning=planning: planning(database.dsn, packages=folder.packages))
        assert f"{FIRST}.sql was edited after it was applied" in text


@pytest.mark.parametrize("count", [0, 2])
def test_a_rollback_of_more_than_is_applied_has_no_plan(
    run: Run, folder: MigrationFolder, database: MigrationDatabase, count: int
) -> None:
    run()
    text = refused(lambda: plan_rollback(database.dsn, packages=folder.packages, count=count))

    assert f"cannot undo {count} migrations: 1 of oadb are applied" in text
