"""Statements of migrations: only those that yoyo sends as they are pass."""

import pytest

from oadb.tools.migrations import script_folder
from tests.support.migrations import MigrationFolder, Refusal


@pytest.mark.parametrize(
    "statement",
    [
        "begin",
        "BEGIN TRANSACTION",
        "start  transaction",
        "commit",
        "end",
        "rollback",
        "rollback to savepoint a",
        "savepoint a",
        "release savepoint a",
        "abort",
        "prepare transaction 'a'",
        "/* quietly */ commit",
    ],
)
def test_transaction_control_is_refused(
    folder: MigrationFolder, refusal: Refusal, statement: str
) -> None:
    folder.write("0002_create_users", f"select 1;\n{statement};\nselect 2;", "select 1;")

    assert "0002_create_users.sql:5: " in refusal()
    assert "would commit or undo a part" in refusal()


def test_transaction_control_in_a_rollback_file_is_refused(
    folder: MigrationFolder, refusal: Refusal
) -> None:
    folder.write("0002_create_users", "select 1;", "commit;")

    assert "0002_create_users.rollback.sql:3: commit would commit or undo a part" in refusal()


@pytest.mark.parametrize(
    "body",
    [
        "do $$\nbegin\n    perform 1;\n    commit;\nend\n$$;",
        "do $body$ begin null; exception when others then rollback; end $body$;",
        "select 'begin; commit; rollback;';",
        'select 1 as "commit; begin";',
        "-- begin; commit;\nselect 1;",
        "/* begin;\ncommit; */\nselect 1;",
        "create function oadb.f() returns int language sql begin atomic select 1; select 2; end;",
        "create table oadb.a (\"end\" integer, b text default ';');",
        "create rule r as on insert to oadb.a do also (delete from oadb.a; select 1);",
        """create function oadb.f() returns trigger language plpgsql as $$
        declare n integer;
        begin
            for n in 1..2 loop if n = 1 then null; end if; end loop;
            return null;
        end
        $$;
        create table oadb.b (a integer);""",
    ],
)
def test_the_same_words_in_bodies_strings_and_comments_pass(
    folder: MigrationFolder, body: str
) -> None:
    folder.write("0002_create_users", body, "select 1;")

    assert len(script_folder.read(folder.path)) == 2


def test_copy_with_data_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.write("0002_load_users", "copy oadb.users (a) from stdin;\n1\n2\n\\.", "select 1;")

    assert "0002_load_users.sql:4: yoyo cannot send copy from stdin" in refusal()
    assert "0002_load_users.sql:7: psql commands cannot run" in refusal()


def test_copy_from_a_file_of_the_server_passes(folder: MigrationFolder) -> None:
    folder.write("0002_load_users", "copy oadb.users (a) from '/stdin';", "select 1;")

    assert len(script_folder.read(folder.path)) == 2


def test_a_psql_command_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.write("0002_create_users", "\\restrict abc\nselect 1;", "select 1;")

    assert "0002_create_users.sql:4: psql commands cannot run" in refusal()


@pytest.mark.parametrize(
    "body",
    [
        "select /* /* ; */ ; */ 1;",
        "select 'a\\'; select 'b'; select 2;",
        "select 5 # 3; select 1;",
    ],
)
def test_a_statement_that_yoyo_would_split_wrongly_is_refused(
    folder: MigrationFolder, refusal: Refusal, body: str
) -> None:
    folder.write("0002_create_users", body, "select 1;")

    assert "0002_create_users.sql:4: yoyo would" in refusal()


def test_an_unclosed_quote_is_refused(folder: MigrationFolder, refusal: Refusal) -> None:
    folder.write("0002_create_users", "select 'a;", "select 1;")

    assert "0002_create_users.sql:4: a quote or comment is not closed" in refusal()
