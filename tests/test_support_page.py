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


def test_every_extra_stands_in_the_page_of_configuration() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for_changing_oadb = {"dev", "bench", "docs"}
    extras = {*PROJECT["optional-dependencies"]} - for_changing_oadb

    assert {*re.findall(r"`oadb\[(\w+)\]`", page)} == extras
