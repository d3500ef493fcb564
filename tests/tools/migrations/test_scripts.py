"""The statements of a migration, as yoyo sends them."""

from pathlib import Path

import pytest
from yoyo.migrations import read_sql_migration

from oadb.tools.migrations import script_folder
from oadb.tools.migrations.scripts import Script
from tests.support.migrations import LOCK_TIMEOUT, MIGRATIONS, REPOSITORY, MigrationFolder

FILES = [*MIGRATIONS.glob("*.sql"), *(REPOSITORY / "tests").glob("**/sql/migrations/*.sql")]


@pytest.mark.long("reads every migration with yoyo")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_is_run_is_what_yoyo_would_send(path: Path) -> None:
    """A rule refuses scripts of which this is not true."""
    script = Script(path.name, path.read_text())

    assert [step.sql for step in script.steps] == [*read_sql_migration(str(path))[2]]
    assert script.steps == script.yoyo_steps


def test_a_function_with_a_body_in_sql_is_one_statement(folder: MigrationFolder) -> None:
    body = "create function oadb.both() returns integer begin atomic\nselect 1; select 2; end;"
    folder.write("0002_add_both", body, "drop function oadb.both;")

    steps = script_folder.read(folder.path)[1].script.steps

    assert [step.statement for step in steps] == [LOCK_TIMEOUT.strip(), body]


def test_steps_are_what_yoyo_would_send_with_the_line_of_each(folder: MigrationFolder) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_bytes(
        f"\n-- Users.\r\n-- depends: 0001_create_schema\n\n{LOCK_TIMEOUT}\n-- é\n"
        "create table oadb.users (a text default ';'); -- done\n/* and */ do $$ begin\n"
        " null; end $$;\ncomment on table oadb.users is 'x'".encode()
    )

    steps = script_folder.read(folder.path)[1].script.steps

    assert [step.sql for step in steps] == [*read_sql_migration(str(path))[2]]
    assert [step.statement_line for step in steps] == [5, 8, 9, 11]
