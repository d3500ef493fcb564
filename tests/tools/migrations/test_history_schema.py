"""yoyo's record stands in the schema that OADB_HISTORY_SCHEMA names, or the current one."""

from pathlib import Path

import pytest

from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError, MigrationError
from oadb.tools.migrations import runner
from tests.support.migrations import MigrationDatabase, MigrationFolder, yoyo_command

WHERE = "select relnamespace::regnamespace::text from pg_class where relname = '_yoyo_migration'"


@pytest.fixture
def service(database: MigrationDatabase, tmp_path: Path) -> list[Package]:
    """Make a package without oadb, and a schema for its record."""
    folder = MigrationFolder(tmp_path / "sql" / "migrations")
    for file in folder.path.iterdir():
        file.unlink()
    folder.write("0001_create_notes", "create schema notes;", "drop schema notes;")
    database.query("create schema record")
    return [Package("notes", tmp_path / "sql", "sql")]


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_HISTORY_SCHEMA", "record")


def test_the_record_is_in_the_schema_that_is_named(
    database: MigrationDatabase, service: list[Package]
) -> None:
    assert runner.migrate(database.dsn, packages=service).applied == ("0001_create_notes",)

    assert database.query(WHERE) == [("record",)]
    assert [each.state for each in runner.status(database.dsn, packages=service)] == ["applied"]
    assert runner.migrate(database.dsn, packages=service).applied == ()
    assert runner.rollback(database.dsn, packages=service) == ("0001_create_notes",)


def test_the_yoyo_command_uses_the_same_record(
    database: MigrationDatabase, service: list[Package], tmp_path: Path
) -> None:
    runner.migrate(database.dsn, packages=service)
    url = database.yoyo_url.replace("%", "%%")
    (tmp_path / "yoyo.ini").write_text(
        f"[DEFAULT]\nsources = {tmp_path / 'sql' / 'migrations'}\n"
        f"database = {url}{'&' if '?' in url else '?'}schema=record\nbatch_mode = on\n"
    )
    done = yoyo_command("rollback", "--all", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert database.query(WHERE) == [("record",)]
    assert [each.state for each in runner.status(database.dsn, packages=service)] == ["pending"]


def test_a_schema_that_does_not_exist_is_named_and_nothing_is_run(
    database: MigrationDatabase, service: list[Package]
) -> None:
    database.query("drop schema record")

    with pytest.raises(MigrationError, match="nothing was run: there is no schema record"):
        runner.migrate(database.dsn, packages=service)
    with pytest.raises(MigrationError, match="as a role that may: create schema record;"):
        runner.status(database.dsn, packages=service)
    assert database.query(WHERE) == []


@pytest.mark.parametrize("name", ["Record", "record, public", "pg_catalog", "'record'", "1st"])
def test_a_name_that_is_no_plain_one_is_refused(
    database: MigrationDatabase, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OADB_HISTORY_SCHEMA", name)

    with pytest.raises(ConfigError, match="OADB_HISTORY_SCHEMA: expected the name of a schema"):
        runner.status(database.dsn)
