"""The command line: the output and exit code of its commands."""

import gzip
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest

from oadb.embedded.memory import memory
from oadb.tools import cli, key_rotation
from oadb.tools.demonstration import option_chain
from tests.support.command_line import oadb

ROOT = Path(__file__).parents[2]
HEADING = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)
GOOD = "256265,1001,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.1,1,EQ,NSE,NSE\n"
BAD = "256266,1002,TCS,TATA,0.0,,0.0,cheap,1,EQ,NSE,NSE\n"


@pytest.mark.long("runs the demo")
@pytest.mark.usefixtures("cheap_hashing", "temporary_files_in_memory")
def test_the_demo_shows_the_main_functions_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = oadb("demo")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    steps = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert steps == [
        "server started", "migrations applied", "connected", "key ring proven", "user created",
        "right password", "wrong password", "unknown user", "session", "api key verified",
        "api key revoked", "broker token sealed", "broker token opened", "instruments loaded",
        "loaded once more", "lookup by symbol", "lookup by token", "search", "index in memory",
        "search in memory", "lookup in memory", "request logged", "order logged",
        "order log read", "statistics", *["import, dry run"] * 4, "left out",
        *["import, dry run"] * 9, "server stopped",
    ]  # fmt: skip  # a list
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition("$ oadb demo --instruments")[2].partition("```")[0].splitlines()[1:]
    assert shown
    assert {line.split("  ")[0] for line in shown} <= {*steps}
    assert "right password       accepted" in done.stdout
    assert "wrong password       refused" in done.stdout
    assert "10,020 rows: 10,020 new, 0 unchanged, 0 rejected" in done.stdout
    assert "10,020 rows: 0 new, 10,020 unchanged, 0 rejected" in done.stdout
    assert "nifty ce: the same" in done.stdout
    assert "{'***': 1, 'symbol': 'INFY', 'quantity': 1}" in done.stdout
    assert "import, dry run      api_keys: 1 found, 1 to be written" in done.stdout
    assert "left out             its user was not imported" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def temporary_files_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server of the demo in memory, where that has room, as that of the tests."""
    if (folder := memory()) is not None:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder with a path short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.long("runs the demo")
def test_the_demo_stops_its_server_on_sigterm(short_folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(short_folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "demo"], env=environment, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("server started")
        demo.terminate()
        demo.communicate(timeout=60)

    assert demo.returncode == 128 + signal.SIGTERM
    assert list(short_folder.iterdir()) == []


@pytest.mark.long("runs the demo")
@pytest.mark.usefixtures("cheap_hashing", "temporary_files_in_memory")
def test_the_demo_loads_a_brokers_file_and_lists_rejected_rows(tmp_path: Path) -> None:
    file = tmp_path / "kite.csv.gz"
    file.write_bytes(gzip.compress((HEADING + GOOD + BAD).encode()))

    done = oadb("demo", "--instruments", str(file))

    assert done.returncode == 0, done.stderr
    assert "2 rows: 1 new, 0 unchanged, 1 rejected" in done.stdout
    assert "kite.csv.gz:3: tick_size is 'cheap'; expected a number" in done.stdout


@pytest.mark.long("migrates from the start")
def test_migrate_applies_and_lists_pending_migrations(oadb_empty_url: str) -> None:
    assert "applied 0001_create_schema" in oadb("migrate", url=oadb_empty_url).stdout
    assert oadb("migrate", url=oadb_empty_url).stdout == "nothing to apply\n"
    assert "applied    0001_create_schema" in oadb("migrate", "status", url=oadb_empty_url).stdout
    undone = oadb("migrate", "rollback", "--count", "2", "--yes", url=oadb_empty_url).stdout
    assert undone.startswith("rolling back ")
    assert undone.count("\nrolled back ") == 2


def test_instruments_load_reports(oadb_database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "kite.csv"
    file.write_text(HEADING + GOOD + BAD)

    load = ("instruments", "load", str(file), "--broker", "zerodha")
    limits = ("--max-rejected", "0.5", "--allow-missing")
    done = oadb(*load, *limits, url=oadb_database_url)

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "1 of 2 rows accepted (1 new, 0 changed, 0 gone), 1 rejected, 0 duplicates\n"
        "  NSE                  0 before         1 after\n"
        "  kite.csv:3: tick_size is 'cheap'; expected a number from 0\n"
    )
    refused = oadb(*load, url=oadb_database_url)
    assert refused.returncode == 1
    assert refused.stderr.startswith("oadb: the load is refused: 1 of 2 rows are invalid, more th")
    forced = oadb(*load, "--force", url=oadb_database_url)
    assert forced.returncode == 0
    assert forced.stdout.splitlines()[-1].startswith("  forced, although 1 of 2 rows are invalid")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tradingsymbol,name\n", "oadb: kite.csv:1: the heading lacks instrument_token, "),
        (HEADING, "oadb: there are no rows; an empty set is never loaded"),
        (HEADING + BAD, "oadb: none of 1 rows can be loaded; the first reasons:"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_message(
    oadb_database_url: str, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "kite.csv"
    file.write_text(content)

    done = oadb("instruments", "load", str(file), "--broker", "zerodha", url=oadb_database_url)

    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_the_error_about_an_unknown_broker_lists_the_known_ones(tmp_path: Path) -> None:
    done = oadb("instruments", "load", str(tmp_path / "x"), "--broker", "kite", url="unused")

    assert done.returncode == 2
    assert done.stderr.endswith(
        "Invalid value for '--broker': no reader for 'kite'; "
        "give one of aliceblue, angel, dhan, fivepaisa, fyers, groww, kotak, shoonya, upstox, "
        "zerodha\n"
    )


@pytest.mark.versions
@pytest.mark.long("migrates and checks all statements")
def test_check_agrees_with_a_migrated_database(oadb_database_url: str) -> None:
    done = oadb("check", url=oadb_database_url)

    assert (done.returncode, done.stdout) == (0, "all declarations agree with the database\n")


@pytest.mark.long("checks every declaration")
def test_check_says_first_that_a_database_is_not_migrated(oadb_empty_url: str) -> None:
    done = oadb("check", url=oadb_empty_url)

    assert done.returncode == 3
    assert done.stdout.splitlines()[0].endswith(" is not migrated; run oadb migrate")
    assert (
        'users.get: the server rejects the statement: relation "oadb.users" does not exist'
        in done.stdout
    )


def test_a_missing_database_url_is_one_message() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "oadb", "migrate"],
        env={**os.environ, "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("oadb: DATABASE_URL is not set: expected postgresql://")


def test_a_password_is_never_printed() -> None:
    done = oadb("doctor", url="postgresql://asha:hunter2@127.0.0.1:1/prod")

    assert done.returncode == 3
    assert "asha@127.0.0.1:1/prod" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_the_generated_option_chain_has_10020_instruments_with_unique_symbols_and_tokens() -> None:
    rows = list(option_chain.generate(date(2026, 11, 22)))

    assert len(rows) == 10_020
    assert len({row.symbol for row in rows}) == len({row.token for row in rows}) == len(rows)
    assert min(row.expiry for row in rows if row.expiry) == date(2026, 11, 26)


# Errors of PostgreSQL ----------------------------------------------------------------------------


@pytest.fixture
def kite(tmp_path: Path) -> Path:
    file = tmp_path / "kite.csv"
    file.write_text(HEADING + GOOD)
    return file


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    key_rotation.new(tmp_path / "ring.json")
    return tmp_path / "ring.json"


COMMANDS = [
    ("stats",),
    ("schema",),
    ("keys", "verify"),
    ("keys", "rewrap"),
    ("keys", "promote", "1"),
    ("instruments", "load", "FILE", "--broker", "zerodha", "--allow-missing"),
]


def run(command: tuple[str, ...], file: Path, url: str, ring: Path) -> str:
    """Run a command that fails with one line, and return the line."""
    arguments = [str(file) if part == "FILE" else part for part in command]
    done = oadb(*arguments, url=url, OADB_KEYRING_FILE=str(ring))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_that_is_not_migrated_is_one_line(
    command: tuple[str, ...], kite: Path, ring: Path, oadb_empty_url: str
) -> None:
    line = run(command, kite, oadb_empty_url, ring)

    assert line.startswith("oadb: postgres@")
    assert line.endswith(" is not migrated; run oadb migrate")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_missing_privilege_is_one_line_that_names_roles_with_it(
    command: tuple[str, ...], kite: Path, ring: Path, oadb_database_url: str
) -> None:
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute("create role no_rights login")
    try:
        url = oadb_database_url.replace("postgres@", "no_rights@")
        line = run(command, kite, url, ring)
    finally:
        with psycopg.connect(oadb_database_url) as connection:
            connection.execute("drop role no_rights")

    assert line.startswith("oadb: no_rights@")
    assert "permission denied for schema oadb" in line
    assert line.endswith(
        "; connect as a member of oadb_app (for keys: oadb_rotate), or as the owner"
    )


def test_any_other_error_of_postgresql_is_one_line(
    kite: Path, ring: Path, oadb_database_url: str
) -> None:
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute("alter table oadb.instruments drop column lot_size")

    assert "lot_size" in run(COMMANDS[-1], kite, oadb_database_url, ring)


def test_a_bug_is_shown_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_the_help_names_the_environment_variables_and_the_version_is_shown() -> None:
    shown = " ".join(oadb("--help").stdout.split())

    assert all(name in shown for name in ("DATABASE_URL", "DB_", "OADB_KEYRING_FILE"))
    assert "data layer of a trading platform" in shown
    assert all(f"{code} " in shown.partition("Exit codes:")[2] for code in range(4))
    assert oadb("--version").stdout == f"oadb {version('oadb')}\n"
