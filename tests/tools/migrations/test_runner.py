"""Applying, undoing and comparing migrations on a real server; beside the yoyo command."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError, UnavailableError
from oadb.tools import schema
from oadb.tools.migrations.runner import Report, migrate, rollback, status

if TYPE_CHECKING:
    from tests.tools.conftest import Folder, Place

Run = Callable[..., Report]
Undo = Callable[..., tuple[str, ...]]
States = Callable[[], dict[str, str]]
Yoyo = Callable[..., subprocess.CompletedProcess[str]]
Runner = Callable[[], subprocess.Popen[str]]
Until = Callable[[Callable[[], object]], None]

REPOSITORY = Path(__file__).parents[3]

# What is outside of the schema, and the schemas, by kind and name.
ELSEWHERE = """
select 'schema', nspname::text from pg_namespace where nspname !~ '^pg_'
union all
select 'relation', oid::regclass::text from pg_class
where relnamespace::regnamespace::text !~ '^pg_|^information_schema$|^oadb$'
union all
select 'routine', oid::regprocedure::text from pg_proc
where pronamespace::regnamespace::text !~ '^pg_|^information_schema$|^oadb$'
order by 1, 2
"""


def schema_of(database: "Place") -> list[schema.SchemaObject]:
    with database.connect() as connection, connection.transaction():
        return schema.read(SingleConnection(connection))


@pytest.fixture
def run(database: "Place", folder: "Folder") -> Run:
    """Migrate the database with the folder."""
    return lambda **options: migrate(database.dsn, folder=folder.path, **options)


@pytest.fixture
def undo(database: "Place", folder: "Folder") -> Undo:
    return lambda count=1: rollback(database.dsn, folder=folder.path, count=count)


@pytest.fixture
def states(database: "Place", folder: "Folder") -> States:
    return lambda: {s.migration_id: s.state for s in status(database.dsn, folder=folder.path)}


@pytest.fixture
def yoyo(database: "Place", folder: "Folder") -> Yoyo:
    """Run the yoyo command on the folder."""

    def command(name: str, *options: str) -> subprocess.CompletedProcess[str]:
        given = ["--database", database.yoyo_url, "--batch", *options, str(folder.path)]
        return yoyo_command(name, *given, cwd=folder.path)

    return command


@pytest.fixture
def root_yoyo(database: "Place") -> Yoyo:
    """Run the yoyo command as its file yoyo.ini says, knowing DATABASE_URL alone."""
    return partial(yoyo_command, cwd=REPOSITORY, DATABASE_URL=database.yoyo_url)


@pytest.fixture
def runner(database: "Place", folder: "Folder") -> Iterator[Runner]:
    """Start a process that migrates."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        code = (
            "import os, pathlib, sys; from oadb.engine import dsn;"
            "from oadb.tools.migrations.runner import migrate;"
            "print(migrate(dsn.parse(sys.argv[1]), folder=pathlib.Path(sys.argv[2])))"
        )
        command = [sys.executable, "-c", code, database.yoyo_url, str(folder.path)]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def yoyo_command(
    name: str, *options: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yoyo", name, *options],
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
    )


def refused(call: Callable[..., object], **options: float) -> str:
    with pytest.raises(MigrationError) as error:
        call(**options)
    return str(error.value)


def is_sleeping(database: "Place") -> object:
    return database.query(
        "select 1 from pg_stat_activity where state = 'active' and query like 'select pg_sleep%' "
        "and datname = current_database()"
    )


# What it does.


def test_all_migrations_of_the_repository_apply_and_undo_to_nothing_and_apply_again(
    database: "Place",
) -> None:
    ids = migrate(database.dsn).applied
    first, beside = schema_of(database), database.query(ELSEWHERE)
    undone = rollback(database.dsn, count=len(ids))
    left = database.query(ELSEWHERE)
    again = migrate(database.dsn).applied

    assert again == ids == undone[::-1]
    assert left == [row for row in beside if row != ("schema", "oadb")]
    assert schema_of(database) == first
    assert database.query(ELSEWHERE) == beside


def test_each_migration_is_applied_once_and_in_order(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")

    assert run() == Report(
        ("0001_create_schema", "0002_create_users", "0003_create_ants"), adopted=()
    )
    assert run() == Report((), ())
    assert database.tables == ["ants", "applied_migrations", "users"]


def test_undoing_takes_the_last_first(
    run: Run, undo: Undo, folder: "Folder", database: "Place"
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

    assert f"cannot undo {count} migrations: 1 are applied" in refused(undo, count=count)


def test_status_creates_nothing_on_a_database_where_nothing_was_applied(
    states: States, database: "Place"
) -> None:
    before = database.query(ELSEWHERE)

    assert states() == {"0001_create_schema": "pending"}
    assert database.query(ELSEWHERE) == before


def test_status_does_not_wait_for_a_run(states: States, database: "Place") -> None:
    with database.connect() as other:
        other.execute("select pg_advisory_lock(-3180042231280844341)")
        assert states() == {"0001_create_schema": "pending"}


def test_status_says_when_a_migration_was_applied(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.table("0003_create_ants", "ants")

    found = status(database.dsn, folder=folder.path)

    assert [s.state for s in found] == ["applied", "applied", "pending"]
    assert [bool(s.applied_at and s.applied_at.tzinfo) for s in found] == [True, True, False]


def test_rows_and_notices_of_a_migration_do_not_reach_the_output(
    run: Run, folder: "Folder", capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
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
    run: Run, folder: "Folder", database: "Place"
) -> None:
    body = "create table oadb.limits as select current_setting('lock_timeout') as found;"
    folder.write("0002_create_limits", body, "drop table oadb.limits;", transactional=False)
    run()

    assert database.query("select found from oadb.limits") == [("4s",)]


def test_limits_in_the_url_win(folder: "Folder", database: "Place") -> None:
    body = "create table oadb.limits as select current_setting('lock_timeout') as found;"
    folder.write("0002_create_limits", body, "drop table oadb.limits;", transactional=False)
    migrate(dsn.parse(f"{database.yoyo_url}&options=-clock_timeout%3D7s"), folder=folder.path)

    assert database.query("select found from oadb.limits") == [("7s",)]


def test_several_hosts_may_be_given(folder: "Folder", database: "Place") -> None:
    keywords = {**database.dsn.keywords, "host": f"/nowhere,{database.host}"}

    assert migrate(replace(database.dsn, keywords=keywords), folder=folder.path).applied


def test_an_embedded_server_is_started_for_the_run(folder: "Folder", tmp_path: Path) -> None:
    place = dsn.parse(f"embedded:{tmp_path / 'server'}")

    assert migrate(place, folder=folder.path).applied == ("0001_create_schema",)
    assert [s.state for s in status(place, folder=folder.path)] == ["applied"]


def test_two_folders_in_one_process_do_not_meet(
    run: Run, database: "Place", tmp_path: Path, folder: "Folder"
) -> None:
    folder.table("0002_create_users", "users")
    run()
    other = type(folder)(tmp_path / "other")
    other.table("0002_create_ants", "ants")
    path = other.file("0002_create_ants.sql")
    path.write_text(f"-- depends: 0002_create_users\n{path.read_text()}")

    text = refused(lambda: status(database.dsn, folder=other.path))

    assert "'0002_create_users' is not an earlier migration" in text


# What it refuses.


def test_files_are_checked_before_the_database_is_asked(folder: "Folder") -> None:
    folder.write("0002_create_users", "commit;", "select 1;")

    text = refused(lambda: migrate(dsn.parse("postgresql://nowhere.invalid/x"), folder=folder.path))

    assert "nothing was run" in text


def test_an_edited_applied_file_is_refused(
    run: Run, undo: Undo, folder: "Folder", states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    path = folder.file("0002_create_users.sql")
    path.write_text(path.read_text().replace("integer", "bigint"))

    assert "0002_create_users.sql was edited after it was applied at 20" in refused(run)
    assert "0002_create_users.sql was edited" in refused(undo)
    assert states()["0002_create_users"] == "edited"


def test_other_line_ends_are_no_edit(run: Run, folder: "Folder") -> None:
    run()
    path = folder.file("0001_create_schema.sql")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert run() == Report((), ())


def test_a_renamed_applied_file_is_refused(run: Run, folder: "Folder", states: States) -> None:
    folder.table("0002_create_users", "users")
    run()
    for name in ("0002_create_users.sql", "0002_create_users.rollback.sql"):
        folder.file(name).rename(folder.file(name.replace("users", "people")))

    assert "0002_create_people.sql is the file of an applied migration" in refused(run)
    assert states()["0002_create_users"] == "gone"
    assert states()["0002_create_people"] == "renamed"


def test_an_applied_file_that_is_gone_is_refused(
    run: Run, undo: Undo, folder: "Folder", states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.remove("0002_create_users")

    assert "0002_create_users.sql was applied at 20" in refused(run)
    assert "and is gone" in refused(undo)
    assert states()["0002_create_users"] == "gone"


def test_a_late_migration_is_refused(
    run: Run, yoyo: Yoyo, folder: "Folder", states: States
) -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    assert yoyo("apply", "--match", "0001|0003").returncode == 0

    assert "0002_create_users.sql is not applied, though a later" in refused(run)
    assert states() == {
        "0001_create_schema": "unrecorded",
        "0002_create_users": "late",
        "0003_create_ants": "unrecorded",
    }


def test_all_disagreements_are_reported_at_once(run: Run, folder: "Folder") -> None:
    folder.table("0002_create_users", "users")
    folder.table("0003_create_ants", "ants")
    run()
    folder.remove("0003_create_ants")
    folder.table("0002_create_users", "people")

    text = refused(run)

    assert "0002_create_users.sql was edited" in text
    assert "0003_create_ants.sql was applied" in text


def test_an_invalid_index_is_refused_with_the_command_that_drops_it(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a integer);\ninsert into oadb.users values (1), (1);",
        "drop table oadb.users;",
    )
    folder.write(
        "0003_index_users",
        'create unique index concurrently "Users key" on oadb.users (a);',
        'drop index concurrently oadb."Users key";',
        transactional=False,
    )
    assert "could not create unique index" in refused(run)

    text = refused(run)
    assert 'drop index concurrently oadb."Users key"; then run again' in text

    database.query('drop index concurrently oadb."Users key"')
    database.query("delete from oadb.users")
    assert run().applied == ("0003_index_users",)


def test_a_user_without_a_name_is_refused_before_anything_is_run(
    run: Run, database: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)

    assert "LOGNAME" in refused(run)
    assert not database.has("public.yoyo_lock")


def test_a_role_that_may_not_create_tables_is_told_so_at_once(
    folder: "Folder", database: "Place"
) -> None:
    database.query("create role visitor login")
    try:
        visitor = replace(database, user="visitor")
        text = refused(lambda: migrate(visitor.dsn, folder=folder.path))
    finally:
        database.query("drop role visitor")

    assert "permission denied for schema public (SQLSTATE 42501)" in text
    assert "hint: run migrations as a role that has this right" in text


def test_a_server_that_does_not_answer_is_unavailable_and_the_password_stays_secret(
    folder: "Folder",
) -> None:
    nowhere = dsn.parse("postgresql://ada:hunter2@127.0.0.1:1/x")

    with pytest.raises(UnavailableError) as error:
        migrate(nowhere, folder=folder.path)

    assert "ada@127.0.0.1:1/x" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_history_that_another_search_path_hides_is_refused(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    run()
    database.query("create schema other")
    hidden = dsn.parse(f"{database.yoyo_url}&options=-csearch_path%3Dother")

    text = refused(lambda: migrate(hidden, folder=folder.path))

    assert "it is in schema public" in text


@pytest.fixture
def owner(database: "Place") -> Iterator["Place"]:
    """The database as a role sees it whose name is that of the schema."""
    database.query(f"create role oadb login; alter database {database.name} owner to oadb")
    yield replace(database, user="oadb")
    database.query(f"alter database {database.name} owner to postgres")
    database.query("drop owned by oadb")
    database.query("drop role oadb")


def test_a_role_named_like_the_schema_keeps_its_history(folder: "Folder", owner: "Place") -> None:
    migrate(owner.dsn, folder=folder.path)
    folder.table("0002_create_users", "users")

    assert migrate(owner.dsn, folder=folder.path) == Report(("0002_create_users",), ())
    assert len(rollback(owner.dsn, folder=folder.path, count=2)) == 2
    assert [s.state for s in status(owner.dsn, folder=folder.path)] == ["pending", "pending"]
    assert migrate(owner.dsn, folder=folder.path).applied


def test_a_role_named_like_the_schema_keeps_the_history_of_the_yoyo_command(
    folder: "Folder", owner: "Place", yoyo: Yoyo
) -> None:
    as_owner = ("--database", owner.yoyo_url)

    assert yoyo("list", *as_owner).returncode == 0
    for _ in range(2):
        folder.table("0002_create_users", "users")
        assert yoyo("apply", *as_owner).returncode == 0
        folder.table("0003_create_ants", "ants")
        assert yoyo("apply", *as_owner).returncode == 0
        assert len(migrate(owner.dsn, folder=folder.path).adopted) == 3
        assert yoyo("rollback", "--all", *as_owner).returncode == 0
        assert owner.tables == []
        folder.remove("0003_create_ants")


# What it leaves when something fails.


def test_a_failing_statement_is_named_by_file_and_line(run: Run, folder: "Folder") -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a integer);\n\n-- Not there.\nalter table oadb.users\n"
        "    add column b text,\n    drop column c;",
        "drop table oadb.users;",
    )

    text = refused(run)

    assert text == (
        '0002_create_users.sql:6: column "c" of relation "users" does not exist '
        "(SQLSTATE 42703); nothing of this file was kept\n"
        "    alter table oadb.users\n"
        "    hint: correct it and run again"
    )


def test_a_syntax_error_is_named_by_the_line_it_is_on(run: Run, folder: "Folder") -> None:
    folder.write(
        "0002_create_users", "create table oadb.users (\n  a integer,\n  b whoops);", "select 1;"
    )

    assert '0002_create_users.sql:5: type "whoops" does not exist' in refused(run)


def test_a_failing_migration_leaves_nothing_and_those_before_it_stay(
    run: Run, folder: "Folder", database: "Place", states: States
) -> None:
    folder.table("0002_create_users", "users")
    folder.write("0003_create_ants", "create table oadb.ants (a int);\nselect 1/0;", "select 1;")

    assert "division by zero (SQLSTATE 22012)" in refused(run)

    assert database.tables == ["applied_migrations", "users"]
    assert states()["0003_create_ants"] == "pending"
    assert database.query("select * from yoyo_lock") == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            """create table oadb.users (a text unique);
            insert into oadb.users select 'sec' || 'ret' from generate_series(1, 2);""",
            "duplicate key value violates unique constraint",
        ),
        ("select ('sec' || 'ret')::integer;", "invalid text representation (SQLSTATE 22P02)"),
    ],
)
def test_row_values_do_not_reach_the_error(
    run: Run, folder: "Folder", body: str, said: str
) -> None:
    folder.write("0002_create_users", body, "drop table oadb.users;")

    text = refused(run)

    assert said in text
    assert "secret" not in text


def test_a_failing_rollback_leaves_everything(
    run: Run, undo: Undo, folder: "Folder", database: "Place", states: States
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a int);",
        "drop table oadb.users;\nselect 1/0;",
    )
    run()

    assert "0002_create_users.rollback.sql:4: division by zero" in refused(undo)
    assert database.has("oadb.users")
    assert states()["0002_create_users"] == "applied"


def test_a_statement_that_waits_too_long_for_a_lock_gives_up(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.write(
        "0003_change_users",
        "set local lock_timeout = '50ms';\nalter table oadb.users add b integer;",
        "select 1;",
    )
    with database.connect() as other, other.transaction():
        other.execute("lock table oadb.users")
        text = refused(run)

    assert "0003_change_users.sql:4: canceling statement due to lock timeout" in text
    assert "hint: another session held a lock" in text


def test_a_commit_that_fails_is_reported_as_the_failure_of_its_migration(
    run: Run, folder: "Folder", database: "Place"
) -> None:
    folder.write(
        "0002_create_users",
        "create table oadb.users (a int unique deferrable initially deferred);\n"
        "insert into oadb.users values (1), (1);",
        "drop table oadb.users;",
    )

    assert refused(run).startswith("0002_create_users: duplicate key value violates")
    assert not database.has("oadb.users")


def test_a_statement_outside_of_a_transaction_that_was_done_before_can_be_marked(
    run: Run, folder: "Folder", database: "Place", yoyo: Yoyo
) -> None:
    folder.table("0002_create_users", "users")
    run()
    database.query("create index users_a_idx on oadb.users (a)")
    folder.write(
        "0003_index_users",
        "create index concurrently users_a_idx on oadb.users (a);",
        "drop index concurrently oadb.users_a_idx;",
        transactional=False,
    )

    assert "yoyo mark --revision 0003_index_users" in refused(run)

    assert yoyo("mark", "--revision", "0003_index_users").returncode == 0
    assert run() == Report((), ("0003_index_users",))


# One at a time.


def test_two_runs_at_once_apply_everything_once(run: Run, folder: "Folder") -> None:
    for number in range(2, 12):
        folder.table(f"{number:04}_create_t{number}", f"t{number}")
    barrier = threading.Barrier(4)

    def start() -> tuple[str, ...]:
        barrier.wait()
        return run().applied

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(start) for _ in range(4)]
    applied = [future.result() for future in futures]

    assert sorted(map(len, applied)) == [0, 0, 0, 11]


def test_a_run_that_waits_names_the_holder(run: Run, database: "Place") -> None:
    with psycopg.connect(**database.dsn.keywords, application_name="deploy") as other:
        other.execute("select pg_advisory_lock(-3180042231280844341)")
        other.commit()
        pid = other.info.backend_pid
        text = refused(run, wait=0.2)

    assert f"did not end within 0.2 s: deploy, server process {pid}, connected since 20" in text
    assert f"select pg_terminate_backend({pid})" in text


def test_a_run_that_waits_does_not_hold_up_an_index_built_concurrently(
    run: Run, folder: "Folder", database: "Place", runner: Runner, until: Until
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.write(
        "0003_index_users",
        "create index concurrently users_a_idx on oadb.users (a);",
        "drop index concurrently oadb.users_a_idx;",
        transactional=False,
    )
    with database.connect() as blocker, blocker.transaction():
        blocker.execute("insert into oadb.users values (1)")
        first = runner()
        until(lambda: database.query("select 1 from pg_stat_progress_create_index"))
        second = runner()
        until(
            lambda: database.query(
                "select 1 from pg_stat_activity "
                "where query like '/* migration_history.try_lock %' "
                "and datname = current_database()"
            )
        )

    assert "0003_index_users" in first.communicate(timeout=20)[0]
    assert "applied=()" in second.communicate(timeout=20)[0]


def test_a_killed_run_frees_itself(
    run: Run, folder: "Folder", runner: Runner, until: Until, database: "Place"
) -> None:
    folder.table("0002_create_users", "users")
    folder.write(
        "0003_create_ants",
        "create table oadb.ants (a integer);\nselect pg_sleep(60);",
        "drop table oadb.ants;",
    )
    victim = runner()
    until(lambda: is_sleeping(database))
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    folder.table("0003_create_ants", "ants")

    assert run() == Report(("0003_create_ants",), ())
    assert database.query("select * from yoyo_lock") == []


def test_a_run_whose_session_was_ended_stops_with_an_error(
    folder: "Folder", database: "Place", run: Run
) -> None:
    folder.table("0002_create_users", "users")
    folder.write(
        "0003_end_sessions",
        "do $$ begin perform pg_terminate_backend(pid) from pg_locks where locktype = 'advisory';"
        " end $$;",
        "select 1;",
    )
    folder.table("0004_create_ants", "ants")

    assert "0004_create_ants: " in refused(run)
    assert not database.has("oadb.ants")


def test_a_lost_connection_is_named_with_the_statement_that_ran(
    folder: "Folder", run: Run, states: States
) -> None:
    folder.write("0002_end_session", "select pg_terminate_backend(pg_backend_pid());", "select 1;")

    text = refused(run)

    assert "0002_end_session.sql:3: terminating connection" in text
    assert "hint: the session was ended from outside; run again" in text
    assert states()["0002_end_session"] == "pending"


# Beside the yoyo command.


def test_the_yoyo_command_applies_and_undoes_from_the_root_with_only_database_url(
    root_yoyo: Yoyo, database: "Place"
) -> None:
    applied = root_yoyo("apply")
    first = schema_of(database)
    report = migrate(database.dsn)
    undone = root_yoyo("rollback", "--all")

    assert (applied.returncode, applied.stderr, report.applied) == (0, "", ())
    assert (undone.returncode, undone.stderr) == (0, "")
    assert database.query("select 1 from pg_namespace where nspname = 'oadb'") == []
    assert root_yoyo("apply").returncode == 0
    assert schema_of(database) == first


def test_what_the_yoyo_command_applied_is_adopted_once(
    run: Run, yoyo: Yoyo, folder: "Folder", states: States
) -> None:
    folder.table("0002_create_users", "users")
    assert yoyo("apply").returncode == 0
    assert set(states().values()) == {"unrecorded"}

    assert run() == Report((), ("0001_create_schema", "0002_create_users"))
    assert run() == Report((), ())


def test_what_this_applied_the_yoyo_command_knows(
    run: Run, yoyo: Yoyo, folder: "Folder", database: "Place", states: States
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.table("0003_create_ants", "ants")

    assert yoyo("apply").returncode == 0
    assert yoyo("rollback").returncode == 0
    assert states()["0003_create_ants"] == "pending"
    assert yoyo("rollback").returncode == 0
    assert database.tables == ["applied_migrations"]


def test_a_file_edited_between_undo_and_apply_of_the_yoyo_command_is_no_edit(
    run: Run, yoyo: Yoyo, folder: "Folder"
) -> None:
    folder.table("0002_create_users", "users")
    run()
    assert yoyo("rollback").returncode == 0
    folder.table("0002_create_users", "people")
    assert yoyo("apply").returncode == 0

    assert run() == Report((), ("0002_create_users",))


def test_the_yoyo_command_undoes_what_this_adopted(
    run: Run, undo: Undo, yoyo: Yoyo, folder: "Folder", states: States
) -> None:
    assert yoyo("apply").returncode == 0
    folder.table("0002_create_users", "users")
    run()

    assert undo() == ("0002_create_users",)
    assert yoyo("rollback").returncode == 0
    assert states() == {"0001_create_schema": "pending", "0002_create_users": "pending"}


def test_a_lock_that_a_killed_yoyo_command_left_is_named_at_once_with_its_remedy(
    run: Run, yoyo: Yoyo, database: "Place"
) -> None:
    run()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    database.query(f"insert into yoyo_lock values (1, now(), {dead.pid})")

    text = refused(run)

    assert f"held by process {dead.pid} since 20" in text
    assert "no such process runs on this host" in text
    assert "yoyo break-lock" in text
    assert yoyo("break-lock").returncode == 0
    assert run() == Report((), ())


def test_a_lock_of_a_yoyo_command_that_is_alive_is_left_to_it(run: Run, database: "Place") -> None:
    run()
    database.query(f"insert into yoyo_lock values (1, now(), {os.getpid()})")

    assert "a process of that number runs on this host" in refused(run)
    assert database.query("select pid from yoyo_lock") == [(os.getpid(),)]


@pytest.mark.slow  # the yoyo command waits ten seconds, whatever one says
def test_the_yoyo_command_stays_out_while_this_runs(
    folder: "Folder", runner: Runner, until: Until, database: "Place", yoyo: Yoyo
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    runner()
    until(lambda: is_sleeping(database))

    refusal = yoyo("apply")

    assert refusal.returncode == 1
    assert "has locked this database" in refusal.stderr


def test_the_lock_of_the_yoyo_command_is_held_during_a_run(
    folder: "Folder", runner: Runner, until: Until, database: "Place"
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    runner()
    until(lambda: is_sleeping(database))

    assert database.query("select pid < 0 from yoyo_lock") == [(True,)]
