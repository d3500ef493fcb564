"""The pytest plugin as an installed one: in a service of its own, and where nobody uses it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from oadb.testing.servers import Server
from tests.support.documented import DOCS, build

REPOSITORY = Path(__file__).parents[2]


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
def test_a_service_is_tested_by_following_the_document(
    tmp_path: Path, installed: Path, oadb_server: Server
) -> None:
    environ = {
        "OADB_TEST_DATABASE_URL": oadb_server.url("postgres"),
        "PYTHONPATH": f"{REPOSITORY}:{installed}",
        "PYTEST_ADDOPTS": "--strict-markers -W error",
    }
    [lines] = build(DOCS / "testing.md", tmp_path / "service", "postgresql://nowhere", environ)

    assert "6 passed" in lines[-1]


UNUSED = """import sys

import pytest


def test_nothing():
    assert {"oadb", "oadb.testing.fixtures"} <= {*sys.modules}
    rooms = ("oadb.engine", "oadb.security", "oadb.tools", "oadb.accounts", "psycopg")
    assert [name for name in sys.modules if name.startswith(rooms)] == []


def test_what_runs_coroutines_is_missing(request):
    with pytest.raises(pytest.fail.Exception, match="needs pytest-asyncio, or AnyIO"):
        request.getfixturevalue("oadb_async_db")
"""


@pytest.mark.long("starts pytest")
def test_where_no_test_asks_nothing_else_is_imported(tmp_path: Path, installed: Path) -> None:
    # A conftest.py may name the fixtures as well.
    named = 'pytest_plugins = ["oadb.testing.fixtures"]'
    folder = write(tmp_path / "service", {"test_unused.py": UNUSED, "conftest.py": named})

    done = run(folder, installed, "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:xdist")

    assert done.stdout.startswith(".."), done.stdout + done.stderr


@pytest.mark.long("starts pytest")
def test_an_unknown_word_in_the_configuration_is_one_line(tmp_path: Path, installed: Path) -> None:
    folder = write(tmp_path / "service", {"pytest.ini": "[pytest]\noadb_database = new\n"})

    done = run(folder, installed, "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:xdist")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.splitlines() == [
        'ERROR: the configuration of pytest: oadb_database is "fresh" or "rollback", not \'new\'',
        "",
    ]
