"""oadb migrate rollback asks before it drops tables; dry runs of migrate and rollback."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from oadb.embedded import embedded_server
from oadb.tools.commands import migrate_command
from tests.support.command_line import oadb
from tests.support.migrations import MIGRATIONS, yoyo_command
from tests.support.planted_migrations import PlantedShop
from tests.support.terminals import on_terminal

IDS = sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.sql") if path.suffixes == [".sql"])
LAST = IDS[-1]


def applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select migration_id from _yoyo_migration order by 1").fetchall()
    return [migration_id for (migration_id,) in rows]


@pytest.mark.long("starts a server")
def test_a_dry_run_of_migrate_says_what_waits_and_changes_nothing(
    oadb_empty_url: str, tmp_path: Path
) -> None:
    shop = PlantedShop(tmp_path)
    with shop.importable():
        assert oadb("migrate", "--package", "shop", url=oadb_empty_url).returncode == 0
    with psycopg.connect(oadb_empty_url) as connection:
        connection.execute("insert into shop.few select n, 'x' from generate_series(1, 20000) n")
        connection.execute("analyze shop.few")
    shop.plant("add_more", "create table shop.more (a integer);")
    shop.plant("refuse_nulls", "alter table shop.few alter column word set not null;")

    with shop.importable():
        done = oadb("migrate", "--dry-run", "--package", "shop", url=oadb_empty_url)

    assert (done.returncode, done.stderr) == (3, "")
    first, *others, last = done.stdout.splitlines()
    assert first == "ok   shop 0002_add_more: nobody waits for it"
    wait = "reads and writes of shop.few wait while it reads all of shop.few: about 20,000 rows"
    assert any(line.startswith(f"FAIL shop 0003_refuse_nulls: {wait}") for line in others)
    assert last.startswith("FAIL: callers wait while more than 10,000 rows are read or written")
    assert applied(oadb_empty_url) == ["0001_create_shop"]


def test_a_dry_run_of_migrate_without_a_server_of_its_own_says_what_to_install(
    oadb_empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_server, "find_spec", lambda _name: None)
    done = oadb("migrate", "--dry-run", url=oadb_empty_url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "oadb: embedded PostgreSQL is not installed: pip install 'oadb[embedded]'\n"
    )


@pytest.mark.parametrize("command", [("--dry-run",), ("rehearse",)])
def test_what_would_wait_is_not_asked_through_a_pooler(command: tuple[str, ...]) -> None:
    done = oadb("migrate", *command, url="postgresql://nowhere/oadb", DB_POOLER="pgbouncer")

    assert (done.returncode, done.stdout) == (1, "")
    assert "DB_POOLER is pgbouncer" in done.stderr


def test_a_dry_run_of_migrate_says_that_nothing_is_pending(oadb_database_url: str) -> None:
    assert oadb("migrate", "--dry-run", url=oadb_database_url).stdout == "nothing to apply\n"


def test_a_dry_run_of_rollback_lists_what_would_be_undone(oadb_database_url: str) -> None:
    done = oadb("migrate", "rollback", "--dry-run", "--count", "2", url=oadb_database_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"would roll back {each}" for each in IDS[:-3:-1]]
    assert applied(oadb_database_url) == IDS


def test_a_dry_run_in_front_of_rollback_is_not_taken_for_one_of_rollback(
    oadb_database_url: str,
) -> None:
    done = oadb("migrate", "--dry-run", "rollback", "--yes", url=oadb_database_url)

    assert (done.returncode, done.stderr) == (2, "oadb: give --dry-run behind rollback\n")
    assert applied(oadb_database_url) == IDS


def test_without_a_terminal_rollback_needs_yes(oadb_database_url: str) -> None:
    refused = oadb("migrate", "rollback", stdin="y\n", url=oadb_database_url)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"oadb: standard input is not a terminal, so nobody was asked whether to roll back {LAST}; "
        "give --yes to do it, or --dry-run to see it\n"
    )
    assert applied(oadb_database_url) == IDS
    done = oadb("migrate", "rollback", "--yes", url=oadb_database_url)
    assert done.returncode == 0
    assert re.fullmatch(f"rolling back {LAST}\nrolled back {LAST} in \\d+\\.\\d s\n", done.stdout)
    assert applied(oadb_database_url) == IDS[:-1]


@pytest.mark.long("starts commands on a terminal")
def test_on_a_terminal_rollback_names_the_migrations_and_asks(oadb_database_url: str) -> None:
    rollback, question = ("migrate", "rollback"), f"Roll back {LAST} in "
    no = on_terminal(*rollback, answers=[("[y/N]", "n")], DATABASE_URL=oadb_database_url)

    assert no[0] == 1
    assert question in no[1]
    assert "nothing was changed" in no[1]
    assert applied(oadb_database_url) == IDS
    yes = on_terminal(*rollback, answers=[("[y/N]", "y")], DATABASE_URL=oadb_database_url)
    assert yes[0] == 0
    assert f"rolled back {LAST}" in yes[1]
    assert applied(oadb_database_url) == IDS[:-1]


def test_a_rollback_that_was_agreed_to_undoes_no_other_migration(
    oadb_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def agree_after_another_rollback(_planned: tuple[str, ...], _database: str) -> None:
        assert oadb("migrate", "rollback", "--yes", url=oadb_database_url).returncode == 0

    monkeypatch.setattr(migrate_command, "_ask", agree_after_another_rollback)
    done = oadb("migrate", "rollback", url=oadb_database_url)

    assert done.returncode == 1
    assert done.stderr == (
        "oadb: nothing was run: other migrations were applied or undone meanwhile; "
        f"the last are {IDS[-2]} now\n"
    )
    assert applied(oadb_database_url) == IDS[:-1]


@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_a_wrong_count_is_wrong_usage(count: str) -> None:
    done = oadb("migrate", "rollback", "--count", count)

    assert done.returncode == 2
    assert "'--count'" in done.stderr


def test_a_count_of_more_than_is_applied_is_an_error(oadb_database_url: str) -> None:
    for given in ("--dry-run", "--yes"):
        done = oadb("migrate", "rollback", "--count", "999", given, url=oadb_database_url)

        assert done.returncode == 1
        assert "cannot undo 999 migrations" in done.stderr


@pytest.mark.long("runs the yoyo command over all migrations")
def test_a_mark_without_a_run_is_named_by_check_and_accepted_by_name(
    oadb_database_url: str, tmp_path: Path
) -> None:
    assert oadb("migrate", "rollback", "--yes", url=oadb_database_url).returncode == 0
    database = oadb_database_url.replace("postgresql://", "postgresql+psycopg://")
    given = ["--batch", "--database", database, str(MIGRATIONS)]
    with psycopg.connect(oadb_database_url) as connection:  # as a DBA may do it
        connection.execute((MIGRATIONS / f"{LAST}.sql").read_bytes())
    assert yoyo_command("mark", *given, cwd=tmp_path).stderr == ""

    checked = oadb("check", url=oadb_database_url)
    assert checked.returncode == 3
    assert checked.stdout.startswith(f"{LAST}.sql was marked as applied at ")
    assert (
        f"{LAST} marked; oadb migrate runs nothing" in oadb("doctor", url=oadb_database_url).stdout
    )
    for given, done in (("--dry-run", "would record"), ("--yes", ""), ("", "recorded")):
        accepted = oadb("migrate", "accept", *filter(None, (given,)), LAST, url=oadb_database_url)
        assert accepted.stdout == (f"{done} {LAST} as applied\n" if done else "")
    assert oadb("check", url=oadb_database_url).returncode == 0
    assert oadb("migrate", url=oadb_database_url).stdout == "nothing to apply\n"


@pytest.mark.long("starts the command as a process")
def test_a_pipe_gets_a_line_when_a_migration_begins_and_when_it_has_ended(
    oadb_empty_url: str,
) -> None:
    command = [sys.executable, "-m", "oadb", "migrate", "--database-url", oadb_empty_url]
    with psycopg.connect(oadb_empty_url) as other:
        other.execute("create schema oadb")  # until the end of the transaction, the first waits
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"applying {IDS[0]}\n"
            other.rollback()
            lines = process.stdout.read().splitlines()

    assert process.returncode == 0
    assert re.fullmatch(rf"applied {IDS[0]} in \d+\.\d s", lines[0])
    assert [line.split()[0] for line in lines[1:]] == ["applying", "applied"] * (len(IDS) - 1)
