"""The pytest plugin as an installed one: in a service of its own, and where nobody uses it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from oadb.testing.servers import Server

REPOSITORY = Path(__file__).parents[2]

PROJECT = """
[tool.oadb]
packages = ["oadb", "notes"]

[tool.pytest.ini_options]
pythonpath = ["src"]
addopts = ["--strict-markers", "--strict-config"]
filterwarnings = ["error"]
asyncio_mode = "strict"
asyncio_default_fixture_loop_scope = "function"
"""

MIGRATION = """-- depends:

set local lock_timeout = '4s';

create table notes (note_id bigint generated always as identity primary key, text text not null);
"""

ROLLBACK = """set local lock_timeout = '4s';

drop table notes;
"""

QUERIES = """-- name: create
insert into public.notes (text) values (:text) returning note_id;

-- name: count
select count(*) as notes from public.notes;
"""

MODULE = """from oadb import queries

query = queries(__name__)


@query
def create(text: str) -> int: ...


@query
def count() -> int: ...


query.complete()
"""

TESTS = """import pytest
from notes import texts

from oadb import Database
from oadb.testing import factories


@pytest.mark.parametrize("turn", [1, 2])
def test_fresh(oadb_db, turn):
    texts.create(oadb_db, "a")
    assert texts.count(oadb_db) == 1


@pytest.mark.oadb_database("rollback")
@pytest.mark.parametrize("turn", [1, 2])
def test_rollback(oadb_db, turn):
    user = factories.make_user(oadb_db)
    assert factories.make_api_key(oadb_db, user.user_id)
    texts.create(oadb_db, "a")
    assert texts.count(oadb_db) == 1


def test_environment(oadb_environ):
    with Database.from_env() as db:
        assert texts.count(db) == 0


@pytest.mark.asyncio
async def test_asyncio(oadb_async_db):
    await texts.create(oadb_async_db, "a")
    assert await texts.count(oadb_async_db) == 1


@pytest.mark.anyio
@pytest.mark.oadb_database("rollback")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(oadb_async_db, anyio_backend):
    await texts.create(oadb_async_db, "a")
    assert await texts.count(oadb_async_db) == 1
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Give a folder for PYTHONPATH with the entry point of the plugin, as pip would write it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    [(name, module)] = project["entry-points"]["pytest11"].items()
    return write(
        tmp_path / "installed",
        {
            "kit-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: kit\nVersion: 1\n",
            "kit-1.dist-info/entry_points.txt": f"[pytest11]\n{name} = {module}\n",
        },
    )


def run(
    folder: Path, installed: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with the plugin as if it were installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{installed}", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long("migrates two databases")
def test_a_service_is_tested_with_its_own_tables_on_several_workers(
    tmp_path: Path, installed: Path, oadb_server: Server
) -> None:
    service = write(
        tmp_path / "service",
        {
            "pyproject.toml": PROJECT,
            "src/notes/__init__.py": "",
            "src/notes/texts.py": MODULE,
            "src/notes/sql/migrations/0001_create_notes.sql": MIGRATION,
            "src/notes/sql/migrations/0001_create_notes.rollback.sql": ROLLBACK,
            "src/notes/sql/queries/texts.sql": QUERIES,
            "test_notes.py": TESTS,
        },
    )

    url = oadb_server.url("postgres")
    done = run(service, installed, "-n", "2", OADB_TEST_DATABASE_URL=url)

    assert "7 passed" in done.stdout, done.stdout + done.stderr


UNUSED = """import sys


def test_nothing():
    loaded = {name for name in sys.modules if name.partition(".")[0] in {"oadb", "psycopg"}}
    assert loaded == {
        "oadb",
        "oadb.testing",
        "oadb.testing.async_fixtures",
        "oadb.testing.fixtures",
        "oadb.testing.pytest_plugin",
    }
"""


@pytest.mark.long("starts pytest")
def test_where_no_test_asks_nothing_else_is_imported(tmp_path: Path, installed: Path) -> None:
    folder = write(tmp_path / "service", {"test_unused.py": UNUSED})

    done = run(folder, installed, "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:xdist")

    assert done.stdout.startswith("."), done.stdout + done.stderr


@pytest.mark.long("starts pytest")
def test_an_unknown_word_in_the_configuration_is_one_line(tmp_path: Path, installed: Path) -> None:
    folder = write(tmp_path / "service", {"pytest.ini": "[pytest]\noadb_database = new\n"})

    done = run(folder, installed, "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:xdist")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.splitlines() == [
        'ERROR: the configuration of pytest: oadb_database is "fresh" or "rollback", not \'new\'',
        "",
    ]
