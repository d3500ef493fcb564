"""What the yoyo command did to a history: it is undone with what depends on it, or noticed."""

import pytest

from oadb.engine.config import Config
from oadb.tools import health
from oadb.tools.migrations.runner import Report, accept, status
from oadb.tools.migrations.states import doubts
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    States,
    Undo,
    Yoyo,
    refused,
)

pytestmark = pytest.mark.long("runs migrations on databases of their own")

SCHEMA, USERS, ANTS, BEES = (
    "0001_create_schema",
    "0002_create_users",
    "0003_create_ants",
    "0004_create_bees",
)


@pytest.fixture
def four(folder: MigrationFolder) -> MigrationFolder:
    """Give a folder of four migrations."""
    for stem in (USERS, ANTS, BEES):
        folder.table(stem, stem.removeprefix(f"{stem[:4]}_create_"))
    return folder


@pytest.mark.usefixtures("four")
def test_a_rollback_of_one_in_the_middle_undoes_those_that_depend_on_it(
    run: Run, yoyo: Yoyo, states: States, database: MigrationDatabase
) -> None:
    run()

    assert yoyo("rollback", "--revision", "0002").returncode == 0
    assert database.tables == ["applied_migrations"]
    assert {states()[stem] for stem in (USERS, ANTS, BEES)} == {"pending"}
    assert yoyo("apply").returncode == 0
    assert database.tables == ["ants", "applied_migrations", "bees", "users"]
    assert run() == Report((), (USERS, ANTS, BEES))


def test_reapplying_one_in_the_middle_loses_nothing(
    four: MigrationFolder, run: Run, yoyo: Yoyo, database: MigrationDatabase
) -> None:
    four.write(ANTS, "alter table oadb.users add b integer;", "alter table oadb.users drop b;")
    run()

    assert yoyo("reapply", "--revision", "0002").returncode == 0
    assert database.query("select b from oadb.users") == []
    assert run().adopted == (USERS, ANTS, BEES)


@pytest.mark.usefixtures("four")
def test_applying_one_applies_those_before_it_as_well(yoyo: Yoyo, states: States) -> None:
    assert yoyo("apply", "--revision", "0003").returncode == 0
    assert [*states().values()] == ["unrecorded", "unrecorded", "unrecorded", "pending"]


@pytest.mark.usefixtures("four")
def test_one_that_was_undone_alone_stops_a_run_until_the_later_ones_are_undone(
    run: Run, undo: Undo, yoyo: Yoyo, states: States
) -> None:
    run()
    assert yoyo("rollback", "--match", "0003_").returncode == 0

    assert states()[ANTS] == "late"
    assert "if the yoyo command undid it alone, undo the later ones as well" in refused(run)
    assert undo() == (BEES,)
    assert run().applied == (ANTS, BEES)


@pytest.mark.usefixtures("four")
def test_one_that_was_undone_alone_and_applied_again_is_noticed(
    run: Run, undo: Undo, yoyo: Yoyo, states: States
) -> None:
    run()
    for command in ("rollback", "apply"):
        assert yoyo(command, "--match", "0003_").returncode == 0

    assert states()[ANTS] == "misplaced"
    assert "when later ones were applied already: what those changed may be lost" in refused(run)
    assert undo(2) == (BEES, ANTS)
    assert run() == Report((ANTS, BEES), ())


def test_a_mark_without_a_run_is_told_and_stops_runs(
    four: MigrationFolder,
    run: Run,
    yoyo: Yoyo,
    states: States,
    database: MigrationDatabase,
) -> None:
    four.remove(BEES)
    run()
    four.table(BEES, "bees")
    assert yoyo("mark", "--revision", "0004").returncode == 0

    assert [*states().values()] == ["applied", "applied", "applied", "marked"]
    text = refused(run)
    assert f"{BEES}.sql was marked as applied at " in text
    assert "by the yoyo command, which did not run it" in text
    [line] = doubts(status(database.dsn, packages=four.packages))
    assert line.startswith(f"{BEES}.sql was marked")
    config = Config.from_env({"DATABASE_URL": database.yoyo_url})
    found = {each.subject: each for each in health.examine(config, four.packages)}
    assert str(found["migrations"]).startswith(f"FAIL migrations: {BEES} marked; ")
    assert yoyo("unmark", "--revision", "0004").returncode == 0
    assert run() == Report((BEES,), ())


def test_a_mark_is_accepted_by_its_name_after_somebody_has_looked(
    four: MigrationFolder, run: Run, yoyo: Yoyo, states: States, database: MigrationDatabase
) -> None:
    four.remove(BEES)
    run()
    four.table(BEES, "bees")
    yoyo("mark")

    for id_, state in ((ANTS, "applied"), ("0009_create_cats", "unknown")):
        assert f"{id_} is {state}, and nothing was recorded" in refused(
            lambda id_=id_: accept(database.dsn, id_, packages=four.packages)
        )
    database.query("create table oadb.bees (a integer)")
    accept(database.dsn, BEES, packages=four.packages)
    assert states()[BEES] == "applied"
    assert run() == Report((), ())


def test_what_was_only_marked_is_not_undone(
    four: MigrationFolder, run: Run, undo: Undo, yoyo: Yoyo, states: States
) -> None:
    four.remove(BEES)
    run()
    four.table(BEES, "bees")
    yoyo("mark")

    assert "which did not run it" in refused(undo)
    assert [*states().values()] == ["applied", "applied", "applied", "marked"]
