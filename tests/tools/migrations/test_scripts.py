"""The statements of a migration, as yoyo sends them."""

from yoyo.migrations import read_sql_migration

from oadb.tools.migrations import script_folder
from tests.support.migrations import LOCK_TIMEOUT, MigrationFolder


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
