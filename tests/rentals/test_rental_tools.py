"""The queries of a sample database in oadb's tools: checked, migrated both ways, typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.testing.servers import Server
from oadb.tools.contract import comparison
from oadb.tools.migrations import runner
from oadb.tools.plans import statistics_export
from tests.support.rig import Observer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = str(ROOT / ".mypy_cache")


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a module in the folder of the package, as its developer does."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_query_agrees_with_its_database(rentals_url: str, rentals: Package) -> None:
    config = Config(dsn=dsn.parse(rentals_url))

    assert [*comparison.check(config, [rentals])] == []
    assert sum(len([*found]) for found in comparison.declarations(rentals)) > 40


@pytest.mark.long("starts a command")
def test_the_command_checks_the_package_by_its_name(rentals_url: str) -> None:
    done = run("oadb", "check", "--package", "rentals", DATABASE_URL=rentals_url)

    assert (done.returncode, done.stdout) == (0, "all declarations agree with the database\n")


def test_statistics_of_several_columns_are_said_to_be_left_out(
    planted: Database, rentals_url: str
) -> None:
    with psycopg.connect(rentals_url, autocommit=True) as connection:
        connection.execute(
            "create statistics rentals.films_kinds on category_id, rating from rentals.films; "
            "create statistics rentals.titles on (lower(title)) from rentals.films"
        )
        found = statistics_export.export(planted, ["rentals"], [])
        connection.execute("drop statistics rentals.films_kinds, rentals.titles")

    assert [*map(str, found.left_out)] == [
        "rentals.films_kinds (ndistinct, dependencies, mcv) of rentals.films",
        "rentals.titles (expressions) of rentals.films",
    ]


def test_the_tables_go_down_and_up_again(oadb_server: Server, rentals: Package) -> None:
    with oadb_server.clone("template1") as url:
        place = dsn.parse(url)
        applied = runner.migrate(place, packages=[rentals]).applied
        assert len(applied) == 4
        assert runner.rollback(place, packages=[rentals], count=4) == applied[::-1]
        assert not Observer(url).rows("select 1 from pg_namespace where nspname = 'rentals'")
        assert runner.migrate(place, packages=[rentals]).applied == applied


@pytest.mark.long("starts type checkers")
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_accept_the_package(checker: str) -> None:
    arguments = {
        "mypy": ("mypy", "--cache-dir", CACHE, "src"),
        "pyright": ("pyright", "--pythonpath", sys.executable, "--outputjson", "src"),
    }[checker]

    done = run(*arguments, PYRIGHT_PYTHON_GLOBAL_NODE="false")

    assert done.returncode == 0, done.stdout
    if checker == "pyright":
        assert json.loads(done.stdout)["summary"]["errorCount"] == 0
