"""The command ``oadb check --schema``: what it prints, with which exit code, and bad inputs."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import quote

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.intended import schema_levels
from oadb.tools.intended.schema_levels import Pinned
from oadb.tools.migrations import runner, script_folder
from oadb.tools.schema import SchemaObject
from tests.support.command_line import oadb
from tests.support.migrations import yoyo_command

OADB = find("oadb")
IDS = script_folder.ids(OADB.sql / "migrations")

pytestmark = pytest.mark.long("compares whole schemas, up to a second each")


def check(url: str, *arguments: str, **environ: str) -> CompletedProcess[str]:
    done = oadb("check", "--schema", *arguments, url=url, **environ)
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def changed(url: str, statement: str, undo: str) -> Generator[None]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
        try:
            yield
        finally:
            connection.execute(undo.encode())


@pytest.mark.versions
def test_a_sound_schema_is_said_to_be_that_of_its_level(url: str) -> None:
    done = check(url, "--package", "oadb")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"oadb: the schema is the intended one at level {IDS[-1]}\n"


def test_each_difference_is_a_line_with_what_mends_it(url: str) -> None:
    with changed(
        url,
        "alter table oadb.users alter is_admin set default true",
        "alter table oadb.users alter is_admin set default false",
    ):
        done = check(url, "--package", "oadb")
        doctor = oadb("doctor", "--package", "oadb", url=url)

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == (
        "column oadb.users.is_admin is boolean not null default true; should be boolean not null "
        "default false; to mend it: alter table oadb.users alter column is_admin set default "
        f"false;\noadb: 1 difference at level {IDS[-1]}\n"
    )
    assert doctor.returncode == 3
    assert (
        f"FAIL schema: oadb is not the intended one at {IDS[-1]}: column oadb.users.is_admin; "
        "oadb check --schema --package oadb shows what is, what should be and what mends it\n"
    ) in doctor.stdout


def test_a_schema_below_the_last_migration_is_compared_with_its_own_level(
    oadb_database_url: str,
) -> None:
    undone = runner.rollback(dsn.parse(oadb_database_url), count=3)

    done = check(oadb_database_url, "--package", "oadb")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f" at level {IDS[IDS.index(undone[-1]) - 1]}\n")


def test_a_mark_without_a_run_is_told_and_so_is_what_is_missing(
    oadb_database_url: str, tmp_path: Path
) -> None:
    [undone] = runner.rollback(dsn.parse(oadb_database_url))
    yoyo_url = oadb_database_url.replace("postgresql:", "postgresql+psycopg:")
    folder = str(OADB.sql / "migrations")
    marked = yoyo_command(
        "mark", "--batch", "--database", yoyo_url, "--revision", undone, folder, cwd=tmp_path
    )
    assert marked.returncode == 0, marked.stderr

    done = check(oadb_database_url, "--package", "oadb")
    assert (done.returncode, done.stderr) == (3, "")
    assert undone in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[-1].endswith(f"at level {undone}")


def test_a_gap_in_the_history_is_told(url: str) -> None:
    middle = IDS[20]
    with changed(
        url,
        "create table kept as select * from _yoyo_migration; "
        f"delete from _yoyo_migration where migration_id = '{middle}'",
        "truncate _yoyo_migration; insert into _yoyo_migration select * from kept; drop table kept",
    ):
        done = check(url, "--package", "oadb")

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(
        f"{middle} is not applied, although {IDS[-1]} is; see oadb migrate"
    )


def test_a_later_release_is_said_to_be_unknown(url: str) -> None:
    with changed(
        url,
        "insert into _yoyo_migration (migration_hash, migration_id, applied_at_utc) "
        "values ('later', '9000_do_more', now())",
        "delete from _yoyo_migration where migration_id = '9000_do_more'",
    ):
        done = check(url, "--package", "oadb")

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == (
        "9000_do_more is applied and has no file here, so what the schema should be is not known: "
        "deploy the release that applied it\n"
    )


def test_a_schema_that_is_gone_is_one_line(oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("drop schema oadb cascade")

    done = check(oadb_database_url, "--package", "oadb")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == (
        "schema oadb is missing; should be create schema oadb; to mend it: nothing less than a "
        f"restore or a new migration\noadb: 1 difference at level {IDS[-1]}\n"
    )


def test_a_database_without_migrations_is_not_migrated(oadb_empty_url: str) -> None:
    done = check(oadb_empty_url, "--package", "oadb")

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.endswith("is not migrated; run oadb migrate\n")


def test_a_session_that_may_only_read_is_enough_and_the_doctor_says_so(url: str) -> None:
    reading = f"{url}&options={quote('-c default_transaction_read_only=on')}"

    assert check(reading, "--package", "oadb").returncode == 0
    doctor = oadb("doctor", "--package", "oadb", url=reading)
    assert (
        "FAIL settings: default_transaction_read_only is on; its source is client\n"
    ) in doctor.stdout


def test_a_role_without_rights_is_told_what_it_may_not_read(oadb_server: Server, url: str) -> None:
    database = dsn.parse(url).keywords["dbname"]
    with changed(url, "create role stranger login", "drop role stranger"):
        login = oadb_server.url(database).replace("//postgres", "//stranger", 1)
        done = check(login, "--package", "oadb")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("oadb: ")
    assert done.stderr.count("\n") == 1


def test_a_service_role_is_told_whose_rows_were_not_compared(oadb_server: Server, url: str) -> None:
    database = dsn.parse(url).keywords["dbname"]
    with changed(
        url,
        "create role checking login in role oadb_app; grant select on _yoyo_migration to oadb_app",
        "drop role checking; revoke select on _yoyo_migration from oadb_app",
    ):
        login = oadb_server.url(database).replace("//postgres", "//checking", 1)
        done = check(login, "--package", "oadb")

    assert (done.returncode, done.stderr) == (3, "")
    assert "may not read the rows of oadb.role_privileges, which were not compared" in done.stdout


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "shop" / "src"))
    return "shop"


def test_the_schema_of_a_service_is_compared_with_its_own_file(
    oadb_database_url: str, shop: str
) -> None:
    runner.migrate(dsn.parse(oadb_database_url), packages=[find(shop)])
    sound = check(oadb_database_url, OADB_PACKAGES="oadb,shop")
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("drop table shop.parcels")
    broken = check(oadb_database_url, OADB_PACKAGES="oadb,shop")

    assert (sound.returncode, sound.stderr) == (0, "")
    assert sound.stdout.splitlines()[1].startswith("shop: the schema is the intended one at level ")
    assert (broken.returncode, broken.stderr) == (3, "")
    assert broken.stdout.splitlines()[0] == sound.stdout.splitlines()[0]
    assert "table shop.parcels is missing; should be create table" in broken.stdout


def package(folder: Path, name: str, levels: str | None) -> None:
    migrations = folder / name / "sql" / "migrations"
    migrations.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    (migrations / f"0001_create_{name}.sql").write_text(
        f"set local lock_timeout = '4s';\ncreate schema {name};\n"
    )
    (migrations / f"0001_create_{name}.rollback.sql").write_text(
        f"set local lock_timeout = '4s';\ndrop schema {name};\n"
    )
    if levels is not None:
        (migrations.parent / "schema_levels.jsonl").write_text(levels)


def test_a_package_that_does_not_say_what_its_schema_should_be_was_not_compared(
    oadb_empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "quarry", None)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert oadb("migrate", "--package", "quarry", url=oadb_empty_url).returncode == 0

    done = check(oadb_empty_url, "--package", "quarry")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == (
        "quarry was not compared: there is no quarry/sql/schema_levels.jsonl, which says what its "
        "schema should be; write it with: oadb schema --levels --package quarry\n"
    )
    assert done.stdout in oadb("doctor", "--package", "quarry", url=oadb_empty_url).stdout


def test_a_file_older_than_the_last_migration_is_named_before_what_differs(
    oadb_empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SchemaObject("hayloft", "schema", "hayloft", "create schema hayloft", None)
    package(tmp_path, "hayloft", schema_levels.render([Pinned("0001_create_hayloft", None, made)]))
    added = tmp_path / "hayloft" / "sql" / "migrations" / "0002_create_crates.sql"
    limit = "set local lock_timeout = '4s';\n"
    added.write_text(f"-- depends: 0001_create_hayloft\n{limit}create table hayloft.crates ();\n")
    added.with_name("0002_create_crates.rollback.sql").write_text(
        f"{limit}drop table hayloft.crates;\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert oadb("migrate", "--package", "hayloft", url=oadb_empty_url).returncode == 0

    done = check(oadb_empty_url, "--package", "hayloft")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(
        "hayloft/sql/schema_levels.jsonl names no migration after 0001_create_hayloft: if "
        "0002_create_crates changes the schema, the file is older than it, and what differs is not "
        "to be mended; write it again with: oadb schema --levels --package hayloft\n"
        "table hayloft.crates is "
    )


def test_a_damaged_file_is_named_with_its_line(
    oadb_empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "barn", '{"since": "0001_create_barn"}\n')
    monkeypatch.syspath_prepend(str(tmp_path))

    done = check(oadb_empty_url, "--package", "barn")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("oadb: barn/sql/schema_levels.jsonl:1: not a line that oadb ")


@pytest.mark.parametrize("arguments", [("check", "--schema", "--watch")])
def test_what_cannot_go_together_is_wrong_usage(url: str, arguments: tuple[str, ...]) -> None:
    done = oadb(*arguments, url=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "oadb: --watch is about queries: leave out --schema\n"
