"""oadb and the yoyo command used in turn on one database."""

import pytest

from oadb.tools.migrations.runner import Report, migrate, rollback, status
from tests.support.migrations import MigrationDatabase, MigrationFolder, Run, States, Undo, Yoyo


def test_a_role_named_like_the_schema_keeps_its_history(
    folder: MigrationFolder, owner: MigrationDatabase
) -> None:
    migrate(owner.dsn, packages=folder.packages)
    folder.table("0002_create_users", "users")

    assert migrate(owner.dsn, packages=folder.packages) == Report(("0002_create_users",), ())
    assert len(rollback(owner.dsn, packages=folder.packages, count=2)) == 2
    assert [s.state for s in status(owner.dsn, packages=folder.packages)] == ["pending", "pending"]
    assert migrate(owner.dsn, packages=folder.packages).applied


@pytest.mark.long("starts the yoyo command seven times")
def test_a_role_named_like_the_schema_keeps_the_history_of_the_yoyo_command(
    folder: MigrationFolder, owner: MigrationDatabase, yoyo: Yoyo
) -> None:
    as_owner = ("--database", owner.yoyo_url)

    assert yoyo("list", *as_owner).returncode == 0
    for _ in range(2):
        folder.table("0002_create_users", "users")
        assert yoyo("apply", *as_owner).returncode == 0
        folder.table("0003_create_ants", "ants")
        assert yoyo("apply", *as_owner).returncode == 0
        assert len(migrate(owner.dsn, packages=folder.packages).adopted) == 3
        assert yoyo("rollback", "--all", *as_owner).returncode == 0
        assert owner.tables == []
        folder.remove("0003_create_ants")


@pytest.mark.slow  # yoyo takes half a minute for all migrations, up and down
def test_the_yoyo_command_applies_and_undoes_from_the_root_with_only_database_url(
    root_yoyo: Yoyo, database: MigrationDatabase
) -> None:
    applied = root_yoyo("apply")
    first = database.schema()
    report = migrate(database.dsn)
    one_undone = root_yoyo("rollback", "--revision", "0020")
    left = [each.migration_id for each in status(database.dsn) if each.state == "applied"]
    again = root_yoyo("apply")
    second = database.schema()
    undone = root_yoyo("rollback", "--all")

    assert (applied.returncode, applied.stderr, report.applied) == (0, "", ())
    assert (one_undone.returncode, one_undone.stderr, again.returncode) == (0, "", 0)
    assert (left[-1], len(left)) == ("0019_create_pending_orders", 19)
    assert second == first
    assert (undone.returncode, undone.stderr) == (0, "")
    assert database.query("select 1 from pg_namespace where nspname = 'oadb'") == []
    assert migrate(database.dsn).applied
    assert database.schema() == first


def test_migrations_that_the_yoyo_command_applied_are_adopted_once(
    run: Run, yoyo: Yoyo, folder: MigrationFolder, states: States
) -> None:
    folder.table("0002_create_users", "users")
    assert yoyo("apply").returncode == 0
    assert set(states().values()) == {"unrecorded"}

    assert run() == Report((), ("0001_create_schema", "0002_create_users"))
    assert run() == Report((), ())


def test_the_yoyo_command_knows_migrations_that_oadb_applied(
    run: Run, yoyo: Yoyo, folder: MigrationFolder, database: MigrationDatabase, states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.table("0003_create_ants", "ants")

    assert yoyo("apply").returncode == 0
    assert yoyo("rollback").returncode == 0
    assert states()["0003_create_ants"] == "pending"
    assert yoyo("rollback").returncode == 0
    assert database.tables == ["applied_migrations"]


def test_a_file_edited_between_rollback_and_apply_of_the_yoyo_command_does_not_count_as_edited(
    run: Run, yoyo: Yoyo, folder: MigrationFolder
) -> None:
    folder.table("0002_create_users", "users")
    run()
    assert yoyo("rollback").returncode == 0
    folder.table("0002_create_users", "people")
    assert yoyo("apply").returncode == 0

    assert run() == Report((), ("0002_create_users",))


def test_the_yoyo_command_undoes_migrations_that_oadb_adopted(
    run: Run, undo: Undo, yoyo: Yoyo, folder: MigrationFolder, states: States
) -> None:
    assert yoyo("apply").returncode == 0
    folder.table("0002_create_users", "users")
    run()

    assert undo() == ("0002_create_users",)
    assert yoyo("rollback").returncode == 0
    assert states() == {"0001_create_schema": "pending", "0002_create_users": "pending"}
