"""Commands with --json: one line that a program reads, with the exit code of the same command."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oadb import Database, Secret
from oadb.bans import ip_bans
from oadb.logs import traffic
from oadb.logs.traffic import Request
from oadb.market import loads
from oadb.security import keyring_file
from oadb.tools.commands import json_output
from tests.conftest import RING, configured
from tests.support.command_line import oadb
from tests.support.instrument_rows import CALL, FUTURE


def printed(url: str, *arguments: str, code: int = 0, **environ: str) -> Any:
    """Run a command with --json, and return what its only line holds."""
    done = oadb(*arguments, "--json", url=url, **environ)
    assert (done.returncode, done.stderr) == (code, "")
    (line,) = done.stdout.splitlines()
    assert line.isascii()
    return json.loads(line)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


def test_the_doctor_prints_each_finding(shared_url: str) -> None:
    found = json.loads(oadb("doctor", "--package", "oadb", "--json", url=shared_url).stdout)

    assert found["ok"] is all(each["ok"] for each in found["findings"])
    assert {*found["findings"][0]} == {"ok", "subject", "text"}
    assert {each["subject"] for each in found["findings"]} > {"connection", "migrations"}


def test_a_failed_finding_exits_with_3() -> None:
    found = printed("postgresql://nobody@127.0.0.1:1/none", "doctor", code=3)

    assert (found["ok"], len(found["findings"])) == (False, 1)
    assert "127.0.0.1:1" in found["findings"][0]["text"]


@pytest.mark.long("compares all declarations twice")
def test_declarations_that_agree_and_those_that_do_not_are_listed(oadb_database_url: str) -> None:
    sound = printed(oadb_database_url, "check", "--package", "oadb")
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("alter table oadb.users rename column email to address")
    broken = printed(oadb_database_url, "check", "--package", "oadb", code=3)

    assert sound == {"ok": True, "disagreements": []}
    assert broken["ok"] is False
    assert any("users" in line for line in broken["disagreements"])


@pytest.mark.long("compares a whole schema twice")
def test_each_difference_of_a_schema_is_an_object(oadb_database_url: str) -> None:
    sound = printed(oadb_database_url, "check", "--schema", "--package", "oadb")
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute("drop index oadb.users_email_lower_key")
    broken = printed(oadb_database_url, "check", "--schema", "--package", "oadb", code=3)

    assert (sound["ok"], sound["packages"][0]["differences"]) == (True, [])
    assert broken["ok"] is False
    assert "users_email_lower_key" in json.dumps(broken["packages"][0]["differences"])


def test_migrations_are_listed_with_their_states(shared_url: str) -> None:
    found = printed(shared_url, "migrate", "status", "--package", "oadb")

    first = found["migrations"][0]
    assert (first["package"], first["state"]) == ("oadb", "applied")
    assert first["migration_id"].startswith("0001_")
    assert first["applied_at"].endswith("+00:00")


def test_keys_are_described_without_the_keys(url: str, db: Database, tmp_path: Path) -> None:
    db.prove()
    file = tmp_path / "ring.json"
    keyring_file.write(file, RING)

    found = printed(url, "keys", "status", OADB_KEYRING_FILE=str(file))

    (key,) = found["keys"]
    assert (found["ok"], found["next"], found["fit"]) == (
        True, None, "the key ring fits the database",
    )  # fmt: skip  # a table
    assert (key["key_id"], key["state"], key["rows"]) == (1, "primary", {})
    assert {*key} == {"key_id", "state", "created", "fingerprint", "rows"}
    root = json.loads(RING.to_json())["keys"]["1"]["root"]
    assert root in file.read_text()
    assert root not in json.dumps(found)


def test_statistics_are_printed_with_their_window(url: str, db: Database) -> None:
    request = Request(ip="203.0.113.7", method="GET", path="/", status=200, duration_ms=12.0)
    traffic.record(db, request)

    found = printed(url, "stats", "--last", "1h")

    assert found["traffic"]["total"]["requests"] == 1
    assert found["latency"]["total"]["total"]["calls"] == 0
    assert found["since"] < found["until"]


def test_brokers_are_printed_with_their_exchanges(url: str, db: Database) -> None:
    assert printed(url, "instruments", "status") == {"brokers": []}
    loads.load(db, "zerodha", [CALL, FUTURE], force=True)

    (zerodha,) = printed(url, "instruments", "status")["brokers"]

    assert (zerodha["broker"], zerodha["is_due"]) == ("zerodha", False)
    assert sum(each["instruments"] for each in zerodha["exchanges"]) == 2


def test_bans_are_printed(url: str, db: Database) -> None:
    ip_bans.ban(db, "203.0.113.9", "guessing keys", duration=None, by=None)

    (ban,) = printed(url, "bans", "list")["bans"]

    assert (ban["network"], ban["expires_at"]) == ("203.0.113.9", None)


def test_a_command_that_stays_refuses_json(shared_url: str) -> None:
    done = oadb("check", "--watch", "--json", url=shared_url)

    assert done.returncode == 2
    assert done.stderr == "oadb: --watch prints as long as it runs: leave out --json\n"


@pytest.mark.parametrize("value", [Secret("hunter2"), b"hunter2"])
def test_a_secret_is_never_written(value: object) -> None:
    with pytest.raises(TypeError, match=r"^(Secret|bytes) has no form in JSON"):
        json_output.print_json({"key": value})
