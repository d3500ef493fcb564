"""What is refused before anything runs, and what passes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from yoyo.migrations import read_sql_migration

from oadb.errors import MigrationError
from oadb.tools.migrations import script_folder

if TYPE_CHECKING:
    from tests.tools.conftest import Folder

Refusal = Callable[[], str]

LIMIT = "set local lock_timeout = '4s';\n"


@pytest.fixture
def refusal(folder: "Folder") -> Refusal:
    """Read the folder; return why it is refused."""

    def read() -> str:
        with pytest.raises(MigrationError) as refused:
            script_folder.read(folder.path)
        return str(refused.value)

    return read


def test_the_migrations_of_this_repository_pass() -> None:
    migrations = script_folder.read()

    assert migrations[0].id == "0001_create_schema"


def test_migrations_come_in_the_order_of_their_numbers(folder: "Folder") -> None:
    folder.table("0003_create_zebras", "zebras")
    folder.table("0002_create_ants", "ants")

    ids = [migration.id for migration in script_folder.read(folder.path)]

    assert ids == ["0001_create_schema", "0002_create_ants", "0003_create_zebras"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="the folder does not exist"):
        script_folder.read(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="the folder is empty"):
        script_folder.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "README.sql",
        ".0002.sql",
        "0002_users.sql",
        "002_create_users.sql",
        "0002-create-users.sql",
        "0002_Create_users.sql",
        "0002_create_users.py",
        "0002_create_users.sql.orig",
        "post-apply.sql",
        "notes.md",
    ],
)
def test_a_file_that_is_no_migration_is_refused(
    folder: "Folder", refusal: Refusal, name: str
) -> None:
    folder.file(name).write_text("select 1;")

    assert f"{name}:1: this is neither a migration nor its rollback" in refusal()


def test_a_folder_inside_is_refused_because_yoyo_would_not_look_into_it(
    folder: "Folder", refusal: Refusal
) -> None:
    folder.file("0002_create_users.sql").mkdir()

    assert "0002_create_users.sql:1: this is neither" in refusal()


def test_a_gap_in_the_numbers_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0003_create_users", "users")

    assert "there is no migration 0002" in refusal()


def test_a_number_used_twice_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0002_create_ants", "ants")

    assert refusal().count("the number 0002 is used twice") == 2


def test_number_zero_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0000_create_users", "users")

    assert "numbers begin with 0001" in refusal()


def test_a_migration_without_rollback_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").unlink()

    assert "write 0002_create_users.rollback.sql" in refusal()


def test_a_rollback_without_migration_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.file("0002_create_users.rollback.sql").write_text(LIMIT + "select 1;")

    assert "0002_create_users.sql does not exist" in refusal()


def test_a_byte_order_mark_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert "0002_create_users.sql:1: the file begins with a byte order mark" in refusal()


def test_a_file_that_is_not_utf8_is_refused_by_line(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_bytes(LIMIT.encode() + b"-- caf\xe9\nselect 1;")

    assert "0002_create_users.sql:2: not UTF-8" in refusal()


@pytest.mark.parametrize(
    "line",
    [
        "-- Transactional: false",
        "-- TRANSACTIONAL: false",
        "-- transactional = false",
        "-- transactional=false",
        "-- transactional false",
        "-- transaction: false",
        "-- transactionel: false",
        "-- no-transaction: true",
        "-- depend: 0001_create_schema",
        "-- depends 0001_create_schema",
        "-- Depends: 0001_create_schema",
        "---- transactional: false",
    ],
)
def test_a_directive_that_yoyo_would_not_know_is_refused(
    folder: "Folder", refusal: Refusal, line: str
) -> None:
    folder.write("0002_create_users", "create table oadb.users (a integer);", "select 1;")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- Users.\n{line}\n{path.read_text()}")

    assert "0002_create_users.sql:2: yoyo ignores this directive" in refusal()
    assert f"    {line}\n" in refusal()


@pytest.mark.parametrize(
    "text",
    [
        f"{LIMIT}-- transactional: false\nselect 1;",
        f"/* licence */\n-- transactional: false\n{LIMIT}select 1;",
        f"/* licence\n   transactional: false */\n{LIMIT}select 1;",
        f"{LIMIT}select 1; -- depends: 0001_create_schema",
    ],
)
def test_a_directive_where_yoyo_does_not_look_is_refused(
    folder: "Folder", refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(text)

    assert "yoyo ignores a directive here" in refusal()


@pytest.mark.parametrize("value", ["no", "False", "0", "", "false, really"])
def test_a_value_other_than_true_or_false_is_refused(
    folder: "Folder", refusal: Refusal, value: str
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- transactional: {value}\n{path.read_text()}")

    assert f"transactional cannot be {value!r}" in refusal()


def test_a_directive_given_twice_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text("-- transactional: true\n" * 2 + path.read_text())

    assert "0002_create_users.sql:2: a second transactional directive" in refusal()


def test_a_directive_in_a_rollback_file_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.rollback.sql")
    path.write_text(f"-- transactional: false\n{path.read_text()}")

    assert "yoyo ignores directives in a rollback file" in refusal()


@pytest.mark.parametrize("ids", ["0003_create_ants", "0002_create_users", "0001_create_schema,"])
def test_depending_on_anything_but_an_earlier_migration_is_refused(
    folder: "Folder", refusal: Refusal, ids: str
) -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(f"-- depends: {ids}\n{path.read_text()}")

    assert f"{ids!r} is not an earlier migration" in refusal()


def test_prose_that_only_mentions_transactions_passes(folder: "Folder") -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_text(
        "-- Users: what a transaction writes depends on them, and is false in no case.\n"
        f"-- Lock: none.\n-- depends: 0001_create_schema\n{path.read_text()}"
    )

    assert len(script_folder.read(folder.path)) == 2


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
def test_transaction_control_is_refused(folder: "Folder", refusal: Refusal, statement: str) -> None:
    folder.write("0002_create_users", f"select 1;\n{statement};\nselect 2;", "select 1;")

    assert "0002_create_users.sql:4: " in refusal()
    assert "is yoyo's to send" in refusal()


def test_transaction_control_in_a_rollback_file_is_refused(
    folder: "Folder", refusal: Refusal
) -> None:
    folder.write("0002_create_users", "select 1;", "commit;")

    assert "0002_create_users.rollback.sql:3: commit is yoyo's to send" in refusal()


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
def test_the_same_words_inside_of_bodies_strings_and_comments_pass(
    folder: "Folder", body: str
) -> None:
    folder.write("0002_create_users", body, "select 1;")

    assert len(script_folder.read(folder.path)) == 2


def test_copy_with_data_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.write("0002_load_users", "copy oadb.users (a) from stdin;\n1\n2\n\\.", "select 1;")

    assert "0002_load_users.sql:3: copy from stdin cannot be sent by yoyo" in refusal()
    assert "0002_load_users.sql:6: psql commands do not belong" in refusal()


def test_copy_from_a_file_of_the_server_passes(folder: "Folder") -> None:
    folder.write("0002_load_users", "copy oadb.users (a) from '/stdin';", "select 1;")

    assert len(script_folder.read(folder.path)) == 2


def test_a_psql_command_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.write("0002_create_users", "\\restrict abc\nselect 1;", "select 1;")

    assert "0002_create_users.sql:3: psql commands do not belong" in refusal()


@pytest.mark.parametrize(
    "body",
    [
        "select /* /* ; */ ; */ 1;",
        "select 'a\\'; select 'b'; select 2;",
        "select 5 # 3; select 1;",
    ],
)
def test_a_statement_that_yoyo_would_cut_wrongly_is_refused(
    folder: "Folder", refusal: Refusal, body: str
) -> None:
    folder.write("0002_create_users", body, "select 1;")

    assert "0002_create_users.sql:3: yoyo would" in refusal()


def test_an_unclosed_quote_is_refused(folder: "Folder", refusal: Refusal) -> None:
    folder.write("0002_create_users", "select 'a;", "select 1;")

    assert "0002_create_users.sql:3: a quote or comment is never closed" in refusal()


@pytest.mark.parametrize(
    "statement",
    [
        "select 1;",
        "set lock_timeout = '4s';",
        "set local lock_timeout = 0;",
        "set local lock_timeout = '0';",
        "set local statement_timeout = '4s';",
    ],
)
def test_a_migration_that_does_not_begin_with_a_lock_timeout_is_refused(
    folder: "Folder", refusal: Refusal, statement: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(f"-- Users.\n\n{statement}\n{LIMIT}select 1;")

    assert "0002_create_users.sql:3: the first statement does not limit the wait" in refusal()


@pytest.mark.parametrize("value", ["'4s'", "'500 ms'", "4000", "'1min'"])
def test_any_lock_timeout_passes(folder: "Folder", value: str) -> None:
    folder.table("0002_create_users", "users")
    text = f"-- Users.\n\nSET LOCAL lock_timeout TO {value};\nselect 1;"
    folder.file("0002_create_users.sql").write_text(text)

    assert len(script_folder.read(folder.path)) == 2


def test_a_rollback_that_does_not_begin_with_a_lock_timeout_is_refused(
    folder: "Folder", refusal: Refusal
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").write_text("drop table oadb.users;")

    assert "0002_create_users.rollback.sql:1: the first statement does not limit" in refusal()


@pytest.mark.parametrize("text", [LIMIT, f"{LIMIT}-- nothing more\n"])
def test_a_rollback_that_does_nothing_is_refused(
    folder: "Folder", refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.rollback.sql").write_text(text)

    assert "0002_create_users.rollback.sql:1: this file changes nothing" in refusal()


@pytest.mark.parametrize("text", ["", "\n", "-- later\n"])
def test_a_migration_without_statements_is_refused(
    folder: "Folder", refusal: Refusal, text: str
) -> None:
    folder.table("0002_create_users", "users")
    folder.file("0002_create_users.sql").write_text(text)

    assert "0002_create_users.sql:1: the first statement does not limit" in refusal()


@pytest.mark.parametrize(
    "statement",
    [
        "create index concurrently i on oadb.users (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON oadb.users (a)",
        "drop index concurrently oadb.i",
        "reindex table concurrently oadb.users",
        "alter table oadb.users detach partition oadb.users_1 concurrently",
        "vacuum oadb.users",
        "alter system set work_mem = '4MB'",
        "create database other",
    ],
)
def test_a_statement_that_refuses_transactions_is_refused_inside_of_one(
    folder: "Folder", refusal: Refusal, statement: str
) -> None:
    folder.write("0002_change_users", f"{statement};", "select 1;")

    assert "cannot run inside a transaction" in refusal()


def test_one_statement_outside_of_a_transaction_passes(folder: "Folder") -> None:
    folder.write(
        "0002_create_index",
        "create index concurrently i on oadb.users (a);",
        "drop index concurrently oadb.i;",
        transactional=False,
    )

    assert [m.transactional for m in script_folder.read(folder.path)] == [True, False]


@pytest.mark.parametrize(
    ("body", "rollback", "place"),
    [
        ("create table oadb.a (a int);\nselect 1;", "drop table oadb.a;", ".sql:4"),
        ("create table oadb.a (a int);", "drop table oadb.a;\nselect 1;", ".rollback.sql:2"),
    ],
)
def test_two_statements_outside_of_a_transaction_are_refused(
    folder: "Folder", refusal: Refusal, body: str, rollback: str, place: str
) -> None:
    folder.write("0002_create_ants", body, rollback, transactional=False)

    assert f"0002_create_ants{place}: 2 statements" in refusal()


def test_all_problems_are_reported_at_once(folder: "Folder", refusal: Refusal) -> None:
    folder.write("0002_create_users", "commit;", "select 1;")
    folder.table("0004_create_ants", "ants")
    folder.file("notes.md").write_text("")

    text = refusal()

    assert text.startswith(f"3 problems in {folder.path}; nothing was run\n")
    assert "commit is yoyo's to send" in text
    assert "there is no migration 0003" in text
    assert "notes.md" in text


def test_a_problem_shows_its_line_and_what_to_do(folder: "Folder", refusal: Refusal) -> None:
    folder.write("0002_create_users", "commit;", "select 1;")

    assert refusal().endswith(
        "\n0002_create_users.sql:3: commit is yoyo's to send: here it would commit or undo "
        "half of the migration\n"
        "    commit;\n"
        "    hint: remove it; a migration is one transaction as it stands"
    )


def test_the_checksum_does_not_depend_on_line_ends(folder: "Folder") -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    expected = hashlib.sha256(path.read_bytes()).digest()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert script_folder.read(folder.path)[1].checksum == expected


def test_steps_are_what_yoyo_would_send_with_the_line_of_each(folder: "Folder") -> None:
    folder.table("0002_create_users", "users")
    path = folder.file("0002_create_users.sql")
    path.write_bytes(
        f"\n-- Users.\r\n-- depends: 0001_create_schema\n\n{LIMIT}\n-- é\n"
        "create table oadb.users (a text default ';'); -- done\n/* and */ do $$ begin\n"
        " null; end $$;\ncomment on table oadb.users is 'x'".encode()
    )

    steps = script_folder.read(folder.path)[1].script.steps

    assert [step.sql for step in steps] == [*read_sql_migration(str(path))[2]]
    assert [step.statement_line for step in steps] == [5, 8, 9, 11]
