"""docs/coverage.md says what oadb answers to OpenAlgo's callers: compared with what it does."""

import re
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path

import argon2
import pytest

from oadb import Database
from oadb.accounts import sealed_passwords
from oadb.security.passwords import Passwords
from tests.conftest import configured
from tests.support.each import for_each
from tests.support.old_callers import answers
from tests.support.rig import Observer

DOCUMENT = Path(__file__).parents[1] / "docs" / "coverage.md"
CASES = ("none", "unknown", "expired", "revoked")

Row = list[str]


def table() -> tuple[list[Row], set[str]]:
    """Return the rows of the table, and the letters of the reasons below it."""
    text = DOCUMENT.read_text().partition("## What callers get\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return rows, set(re.findall(r"^- ([a-z]): ", text, re.MULTILINE))


ROWS, REASONS = table()


@pytest.fixture(scope="module")
def found(url: str, observer: Observer) -> Generator[dict[str, dict[str, set[str]]]]:
    with pytest.MonkeyPatch.context() as patch, Database(configured(url)) as db:
        patch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))
        yield answers(db, observer)


def name_of(row: Row) -> str:
    return row[0].strip("`")


def stated(cell: str) -> set[str]:
    """Return what a cell says of oadb: what stands after the arrow, without marks of code."""
    return {cell.rpartition("→ ")[2].replace("`", "")}


@for_each("row", ROWS, name_of)
def test_oadb_answers_what_the_table_says(row: Row, found: dict[str, dict[str, set[str]]]) -> None:
    cells = {case: cell for case, cell in zip(CASES, row[3:7], strict=True) if cell != "-"}

    assert {case: stated(cell) for case, cell in cells.items()} == found[name_of(row)]


def test_every_answer_has_a_row(found: dict[str, dict[str, set[str]]]) -> None:
    assert sorted(map(name_of, ROWS)) == sorted(found)


def test_the_most_called_functions_come_first_and_are_at_least_sixty() -> None:
    calls = [int(row[1]) for row in ROWS]

    assert len(ROWS) >= 60
    assert all(more >= fewer for more, fewer in pairwise(calls))


def test_every_reason_is_explained_and_every_explanation_is_a_reason() -> None:
    named = {letter for row in ROWS for letter in row[7].split(", ") if letter}

    assert named == REASONS
