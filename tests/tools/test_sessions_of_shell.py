"""oadb shell: psql with every named query, and a Python prompt with every module of queries."""

import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.engine.binding.packages import Package, find
from oadb.engine.config import Config
from oadb.errors import ConfigError
from oadb.tools import psql_session
from tests.conftest import configured

pytestmark = pytest.mark.long("each starts the command, and psql or a Python prompt")


def shell(url: str, typed: str, *arguments: str, **environ: str) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "oadb", "shell", "--package", "oadb", *arguments],
        env={**os.environ, "DATABASE_URL": url, **environ},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def asha(url: str) -> int:
    with Database(configured(url)) as db:
        return users.create(db, "asha", "asha@example.in").user_id


def test_a_query_runs_by_its_name_with_its_parameters(url: str, asha: int) -> None:
    done = shell(url, f"\\set user_id {asha}\n:users_get\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert "asha@example.in" in done.stdout


def test_the_limits_are_those_of_a_service(url: str) -> None:
    done = shell(url, "\\pset tuples_only\nshow statement_timeout;\n", DB_STATEMENT_TIMEOUT="7")

    assert "7s" in done.stdout.split()


def test_what_is_piped_in_ends_at_its_first_error(url: str) -> None:
    done = shell(url, "select 1/0;\nselect 'not run';\n")

    assert done.returncode == 1
    assert "division by zero" in done.stderr
    assert "not run" not in done.stdout


def test_the_settings_of_its_user_are_read_first(url: str, tmp_path: Path) -> None:
    mine = tmp_path / "it's mine"
    mine.write_text("\\set greeting 'select ''hello'';'\n")

    done = shell(url, ":greeting\n\\echo :users_get\n", PSQLRC=str(mine))

    assert (done.returncode, "hello" in done.stdout) == (0, True)
    assert "users_get.sql" in done.stdout


def test_a_server_that_does_not_answer_is_an_error_of_psql() -> None:
    done = shell("postgresql://nobody@127.0.0.1:1/none", "select 1;\n")

    assert done.returncode == 1
    assert "Connection refused" in done.stderr


@pytest.mark.parametrize("password", ["a:b\\c", " d'e ", "#f=g"])
def test_any_password_stands_in_a_file_that_its_user_alone_reads(
    tmp_path: Path, password: str
) -> None:
    keywords = {"host": "db.internal", "password": password, "options": "-c lock_timeout=2000"}

    environ = psql_session.write_files(tmp_path, keywords, [])

    service = Path(environ["PGSERVICEFILE"]).read_text()
    assert password not in service
    assert "options=-c lock_timeout=2000\n" in service
    passwords = tmp_path / "passwords"
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert libpq_reads(passwords) == password


def libpq_reads(file: Path) -> str:
    """Return the password of a file of libpq: a backslash stands before : and \\."""
    line = file.read_text().removesuffix("\n").removeprefix("*:*:*:*:")
    return line.replace("\\:", ":").replace("\\\\", "\\")


def test_two_packages_with_the_same_statement_have_a_variable_each() -> None:
    oadb = find("oadb")
    other = Package("other", oadb.sql, oadb.shown)

    names = psql_session.query_texts([oadb, other])

    assert {"users_get", "other_users_get"} <= {*names}


def test_without_psql_its_error_says_what_to_do(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(psql_session.embedded_server, "binaries", _not_installed)

    with pytest.raises(ConfigError, match="or use oadb shell --python"):
        psql_session.run(Config.from_env({"DATABASE_URL": url}), [])


def _not_installed() -> Path:
    raise ConfigError("the embedded PostgreSQL is not installed")


def test_the_python_prompt_has_the_database_and_the_modules(url: str, asha: int) -> None:
    done = shell(url, f"print(users.get(db, {asha}).username)\n", "--python")

    assert done.returncode == 0
    assert "asha" in done.stdout.split()
    assert "db is " in done.stderr
