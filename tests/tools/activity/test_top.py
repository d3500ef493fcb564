"""oadb top, and what the doctor says, on a server that counts statements and loses data."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.testing.control import ServerControl, controlled
from oadb.tools import catalog
from oadb.tools.activity import (
    counter_findings,
    drift_findings,
    optional_statements,
    replication_findings,
    server_findings,
)
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.contract import comparison
from oadb.tools.findings import Finding
from oadb.tools.migrations import declared_calls
from tests.support.command_line import oadb
from tests.support.declared import statement
from tests.support.user_rows import login

pytestmark = pytest.mark.long("starts a server that loads an extension")

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "cluster_name": "",
    "archive_mode": "on",
    "archive_command": "false",
    "max_slot_wal_keep_size": "0",
    "synchronous_commit": "off",
}


_USERS_WITHOUT_INDEX = """
create extension pg_stat_statements;
create schema oadb;
create table oadb.users as
select
    n as user_id, 'user' as username, 'email' as email, 'email' || n as email_key,
    '' as first_name, '' as last_name, true as is_admin, 1 as auth_epoch,
    now() as created_at, now() as updated_at, now() as disabled_at
from generate_series(1, 200) as n;
analyze oadb.users;
select pg_stat_statements_reset();
select /* sessions._set_data */ pg_sleep(0.05), 1;
select /* users.find_by_email */ pg_sleep(0.05);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerControl]:
    with controlled(SETTINGS) as control:
        with psycopg.connect(control.url, autocommit=True) as admin:
            admin.execute("create schema odd")
            admin.execute("create extension pg_stat_statements schema odd")
            admin.execute("create role watcher login")
            for _ in range(3):
                admin.execute("select /* users.get */ 1")
            admin.execute(
                "select /* api_logs.list_calls +since */ n from generate_series(1, 900) n"
            )
            admin.execute("explain select /* users.find_by_email */ 1")
            admin.execute("select 'a psql'")
        yield control


@pytest.fixture(scope="module")
def db(server: ServerControl) -> Iterator[Database]:
    with Database(Config.from_env({"DATABASE_URL": server.url})) as db:
        yield db


def only(found: Iterator[Finding]) -> str:
    [finding] = found
    return str(finding)


def test_in_a_pipe_each_statement_is_a_line_with_its_place(server: ServerControl) -> None:
    done = oadb("top", "--package", "oadb", url=server.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    title, head, *lines = [line.split() for line in done.stdout.splitlines()]
    rows = {line[0]: line for line in lines}
    assert title[:4] == ["Statements", "of", "the", "last"]
    assert head == [
        "statement", "calls", "time", "mean", "share", "rows", "hits", "reads", "WAL", "temp",
        "where",
    ]  # fmt: skip  # a list
    assert rows["users.get"][1] == "3"
    found = statement("users.get")
    assert rows["users.get"][-1] == f"{found.path}:{found.line}"
    assert "other" in rows
    assert "users.find_by_email" not in rows


def test_as_json_it_is_one_line_in_the_order_that_is_asked_for(server: ServerControl) -> None:
    arguments = ("--json", "--by", "rows", "--limit", "1", "--variants", "--package", "oadb")
    done = oadb("top", *arguments, url=server.url)
    found = json.loads(done.stdout)
    [worst] = found["statements"]

    assert (worst["label"], worst["rows"], worst["calls"]) == (
        "api_logs.list_calls +since", 900, 1,
    )  # fmt: skip  # two rows
    assert worst["file"] == "sql/queries/logs/api_logs.sql"
    assert 0 < worst["share"] < 1
    assert found["other"]["calls"] >= 3
    assert found["hidden"]["calls"] == 0


def test_a_rehearsal_knows_how_often_each_statement_is_called(server: ServerControl) -> None:
    counted = declared_calls.count_calls(dsn.parse(server.url))
    elsewhere = declared_calls.count_calls(dsn.parse(server.server.url("template1")))

    assert (counted["users.get"], counted["api_logs.list_calls +since"]) == (3, 1)
    assert elsewhere == {}


def test_statements_of_other_roles_are_counted_and_the_grant_is_named(
    server: ServerControl,
) -> None:
    with psycopg.connect(server.url) as admin:
        admin.execute("grant usage on schema odd to watcher")
    done = oadb("top", url=login(server.server, "watcher", "postgres"))

    assert done.returncode == 0, done.stderr
    assert "users.get" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith("grant pg_read_all_stats to watcher;")


def test_plans_that_cannot_be_made_here_are_a_finding(server: ServerControl) -> None:
    done = oadb("top", "--plans", "--package", "oadb", url=server.url)

    assert (done.returncode, done.stderr) == (3, "")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("plans compared with their locks: ")
    assert "; not made here: " in last
    assert ', such as users.get: relation "oadb.users" does not exist' in last
    assert last.endswith("; none drifted")


def test_as_json_it_has_what_came_of_the_plans(server: ServerControl) -> None:
    done = oadb("top", "--plans", "--json", "--package", "oadb", url=server.url)
    found = json.loads(done.stdout)["plans"]

    assert done.returncode == 3
    assert found["drifts"] == []
    assert "users.get" in {each["label"] for each in found["unplanned"]}


def test_plans_are_refused_behind_pgbouncer(server: ServerControl) -> None:
    done = oadb("top", "--plans", "--package", "oadb", url=server.url, DB_POOLER="pgbouncer")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "oadb: DB_POOLER is pgbouncer, and a plan needs a session that is its own"
    )


def test_without_the_extension_one_line_says_what_to_do(server: ServerControl) -> None:
    done = oadb("top", url=server.server.url("template1"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "oadb: this database has no pg_stat_statements; as a superuser: "
        "create extension pg_stat_statements;\n"
    )


def test_on_a_terminal_it_shows_rates_until_it_is_interrupted(server: ServerControl) -> None:
    screen, keyboard = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "top", "--every", "1s"],
        env={**os.environ, "DATABASE_URL": server.url, "TERM": "xterm", "COLUMNS": "90"},
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
    ) as process:
        os.close(keyboard)
        shown = ""
        while "per second" not in shown or "other" not in shown:
            shown += os.read(screen, 4096).decode()
        process.send_signal(signal.SIGINT)
        process.wait()
    os.close(screen)

    assert process.returncode == 0
    assert "mean" in shown  # what does not fit is left out
    assert "where" not in shown


def test_a_pipe_that_is_closed_ends_it_without_a_word(server: ServerControl) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "oadb", "top", "--package", "oadb"],
        env={**os.environ, "DATABASE_URL": server.url},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_declarations_agree_with_what_this_server_has(server: ServerControl, db: Database) -> None:
    optional = find("oadb", optional_statements.FOLDER)
    config = Config.from_env({"DATABASE_URL": f"{server.url}&options=-csearch_path%3Dodd"})
    places = [(optional, place) for place in optional.places()]
    found = [*comparison.check_places(config, places)]
    version = catalog.describe_server(db).version_number
    absent = "_find_in_bgwriter" if version >= 170000 else "_find_in_checkpointer"

    unmigrated, *disagreements = found
    assert unmigrated.endswith("is not migrated; run oadb migrate")
    of_citus = ("/scale/", "/numbered_columns.sql")  # which this server does not have
    here = [line for line in disagreements if not any(each in line for each in of_citus)]
    assert [line.split(": ")[1] for line in here] == [f"checkpoint_counters.{absent}"]


# The doctor -------------------------------------------------------------------------------------


def test_settings_that_lose_data_are_wrong_on_a_server_that_is_not_a_throwaway(
    db: Database,
) -> None:
    found = [str(each) for each in server_findings.check_durability(db)]

    assert [line.partition(",")[0] for line in found] == [
        "FAIL durability: fsync is off",
        "FAIL durability: full_page_writes is off",
        "FAIL durability: synchronous_commit is off",
    ]
    assert found[0].startswith(
        "FAIL durability: fsync is off, so that a crash of the machine destroys the database; "
        "alter system reset fsync"
    )


def test_an_archive_that_fails_is_wrong(server: ServerControl, db: Database) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("select pg_switch_wal()")
    text = ""
    while not text.startswith("FAIL archiving: 00000001"):
        text = only(replication_findings.check_archiving(db))

    assert text.endswith("so that the disk fills: the server's log says why")


def test_a_slot_whose_wal_is_gone_is_wrong(server: ServerControl, db: Database) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("select pg_create_physical_replication_slot('gone', true)")
        admin.execute("select pg_switch_wal()")
        admin.execute("checkpoint")

    assert only(replication_findings.check_slots(db, USUAL)) == (
        "FAIL replication slots: gone is lost: WAL that it needs is gone; "
        "select pg_drop_replication_slot('gone'), and copy anew"
    )


def test_checkpoints_that_are_requested_too_often_are_wrong(
    server: ServerControl, db: Database
) -> None:
    limits = replace(USUAL, counted=timedelta(), requested_checkpoints=0.1)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("checkpoint")
        admin.execute("checkpoint")
    text = ""
    while not text.startswith("FAIL"):
        text = only(counter_findings.check_checkpoints(db, limits))

    assert "alter system set max_wal_size" in text


def test_the_doctor_says_whether_statements_are_counted(
    server: ServerControl, db: Database
) -> None:
    other = Config.from_env({"DATABASE_URL": server.server.url("template1")})
    with Database(other) as without:
        missing = only(server_findings.check_statement_statistics(without))

    assert missing.startswith("ok   statement counters: this database has no pg_stat_statements")
    assert only(server_findings.check_statement_statistics(db)) == (
        "ok   statement counters: pg_stat_statements counts for oadb top"
    )


def test_the_doctor_compares_the_plans_that_took_the_most_time(server: ServerControl) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("create database drifted")
    config = Config.from_env({"DATABASE_URL": server.server.url("drifted")})
    look = partial(drift_findings.check_plans, packages=[find("oadb")], least=100)
    with Database(config) as db:
        missing = only(look(db, config))
        with psycopg.connect(server.server.url("drifted"), autocommit=True) as admin:
            admin.execute(_USERS_WITHOUT_INDEX)
        found = [*map(str, look(db, config))]
        pooled = only(look(db, replace(config, pooler="pgbouncer")))

    assert missing.startswith("ok   plans: not looked at, because nobody counts calls: this data")
    drifted = (
        "FAIL plans: users.find_by_email reads by Seq Scan oadb.users, which its lock does not"
    )
    assert any(each.startswith(drifted) for each in found), found
    unplanned = 'FAIL plans: sessions._set_data: relation "oadb.sessions" does not exist; see oadb '
    assert any(each.startswith(unplanned) for each in found), found
    assert pooled.startswith("ok   plans: not looked at, because DB_POOLER is pgbouncer, and a ")


def test_settings_that_fit_the_load_badly_are_advice(db: Database) -> None:
    text = only(server_findings.check_tuning(db))

    assert text.startswith("ok   tuning: this load may be faster with: alter system set jit = off")
