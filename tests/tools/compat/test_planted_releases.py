"""What a migration does to the release that runs meanwhile is told, with statement and column."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.compat import base_release, verdict
from oadb.tools.compat.verdict import CompatFinding
from tests.support.planted_releases import Case, Releases, Source, cases

TEXT = (Path(__file__).parent / "planted.sql").read_text()
CASES = cases(TEXT)
IN_A_MIGRATION = 6
CHANGES = [CASES[start : start + IN_A_MIGRATION] for start in range(0, len(CASES), IN_A_MIGRATION)]

BASE = Source(
    ["create schema kiosk;\n" + "".join(case.schema for case in CASES)],
    {case.declared: case.statement for case in CASES},
)
NEXT = Source(
    [*BASE.migrations, *("".join(case.migration for case in group) for group in CHANGES)],
    {"list_notes() -> list[Note]": "select grown.id, grown.note from kiosk.grown;\n"},
)


@pytest.fixture(scope="module")
def found(
    oadb_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[CompatFinding]]:
    releases = Releases(tmp_path_factory.mktemp("compat") / "repository", "kiosk")
    releases.release(BASE, "v1")
    releases.write(NEXT)
    with pytest.MonkeyPatch.context() as patch, oadb_server.clone("template0") as url:
        patch.setattr(sys, "path", [str(releases.folder), *sys.path])
        packages = [find("kiosk")]
        with base_release.unpacked("v1", packages, by_name=True) as base:
            yield verdict.compare(dsn.parse(url), base, packages)


def level(case: Case) -> str:
    """Return the migration that a case is in."""
    number = 2 + CASES.index(case) // IN_A_MIGRATION
    return f"{number:04}_change_kiosk"


def title(case: Case) -> str:
    return case.title


def test_every_case_of_the_file_is_planted() -> None:
    assert len(CASES) == TEXT.count("-- case: ")
    assert sum(case.told is not None for case in CASES) >= 30


@pytest.mark.long("applies a release's migrations, and asks the release before it after each")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.planted("release", case.title)] if case.told else [])
        for case in CASES
    ],
    ids=title,
)
def test_what_breaks_a_statement_is_told_at_its_migration_and_nothing_else(
    found: list[CompatFinding], case: Case
) -> None:
    own = [
        (each.migration, each.fault.text)
        for each in found
        if each.fault.label == f"cases.{case.name}"
    ]

    if case.told is None:
        assert own == []
    else:
        assert {migration for migration, _ in own} == {level(case)}
        assert any(text.startswith(case.told) for _, text in own), own


@pytest.mark.long("applies a release's migrations, and asks the release before it after each")
def test_a_statement_of_the_new_code_is_told_with_the_migration_that_it_needs(
    found: list[CompatFinding],
) -> None:
    (new,) = (each for each in found if each.direction == "new code")
    grown = next(case for case in CASES if case.name == "add_grown")

    assert new.migration == level(grown)
    assert not new.is_refused
    assert str(new) == (
        f"new code, before {level(grown)}: cases.list_notes "
        "(kiosk.cases:34 and sql/queries/cases.sql:2): the server "
        "rejects the statement: column grown.note does not exist (line 2)"
    )
