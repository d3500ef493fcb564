"""The pages a stranger reads first: their length, and the versions that they promise."""

import re
import tomllib
from pathlib import Path

from oadb.tools.health import NEWEST, OLDEST

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SUPPORT = (ROOT / "docs" / "support.md").read_text()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 170


def test_the_versions_of_python_and_postgresql_are_those_of_the_code() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=")
    *others, newest = map(str, range(OLDEST, NEWEST + 1))

    assert f"| Python | {oldest} and newer |" in SUPPORT
    assert f"| PostgreSQL | {', '.join(others)} and {newest} |" in SUPPORT


def test_the_versions_of_psycopg_are_those_of_the_project() -> None:
    ranges = {
        name: bounds
        for name, *bounds in re.findall(
            r"^([a-z-]+)[^>]*>=([\d.]+),<(\d+)$", "\n".join(PROJECT["dependencies"]), re.MULTILINE
        )
    }
    lowest, above = ranges["psycopg"]
    lowest_pool, above_pool = ranges["psycopg-pool"]

    assert f"| psycopg | {lowest} up to {above}, not included" in SUPPORT
    assert f"psycopg_pool {lowest_pool} up to {above_pool} |" in SUPPORT


# The rooms whose statements the version of a server may decide.
ROOMS = ["accounts", "changes", "logs", "market", "trading"]


def test_each_domain_runs_on_one_more_version_as_the_page_says() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    ran = {
        version: found.split()
        for version, found in re.findall(r"^on_(\d+)='([^']+)'$", run, re.MULTILINE)
    }
    said = {
        version: re.findall(r"`(tests/[^`]+)`", cell)
        for version, cell in re.findall(r"^\| (\d+) \| ([^|]+) \|", SUPPORT, re.MULTILINE)
    }

    assert {version: paths for version, paths in said.items() if paths} == ran
    everywhere = sorted(path for paths in ran.values() for path in paths)
    assert everywhere == sorted([*(f"tests/{room}" for room in ROOMS), "tests/test_*.py"])


def test_the_pythons_of_the_project_are_those_that_runs_look_for() -> None:
    found = re.search(r"for version in (.+); do", (ROOT / ".ci" / "pythons").read_text())
    assert found is not None
    looked_for = {version for version in found[1].split() if not version.endswith("t")}
    named = "Programming Language :: Python :: 3."
    claimed = {each.rsplit(" ", 1)[1] for each in PROJECT["classifiers"] if named in each}

    assert claimed <= looked_for
    assert (
        sorted(looked_for)
        == re.findall(r"3\.\d\d", SUPPORT.split("that the machine has, of ")[1])[:4]
    )


def test_every_extra_stands_in_the_page_of_configuration() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for_changing_oadb = {"dev", "bench", "docs"}
    extras = {*PROJECT["optional-dependencies"]} - for_changing_oadb

    assert {*re.findall(r"`oadb\[(\w+)\]`", page)} == extras
