"""The commands ``impact``, ``unused`` and ``grants``, on the planted package and on oadb."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import pytest

from oadb.engine.binding.packages import Package, find
from oadb.tools import package_list
from oadb.tools.commands import grants_command, impact_command, unused_command
from oadb.tools.dependencies import unused
from oadb.tools.dependencies.examination import Examination, examining_sizes
from tests.support.command_line import oadb

HERE = {
    grants_command: "examining",
    impact_command: "examining",
    unused_command: "examining_sizes",
}


@pytest.fixture
def _here(examination: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands examine the database of the test, instead of a server of their own."""

    @contextmanager
    def examining(_packages: Sequence[Package]) -> Generator[Examination]:
        yield examination

    for command, name in HERE.items():
        monkeypatch.setattr(command, name, examining)

    def chosen(_names: Sequence[str]) -> Sequence[Package]:
        return examination.packages

    monkeypatch.setattr(package_list, "chosen", chosen)


@pytest.mark.usefixtures("_here")
def test_impact_shows_statements_callers_and_objects() -> None:
    assert oadb("impact", "planted.goods.name").stdout.splitlines() == [
        "table column planted.goods.name",
        "  statement goods.find_by_name (planted/sql/queries/goods.sql:4): reads",
        "    planted/goods.py:44 (rename)",
        "  statement goods._rename (planted/sql/queries/goods.sql:7): updates",
        "    planted/goods.py:45 (rename)",
        "  index planted.goods_name_idx",
        "  grant oadb_app: update planted.goods (name)",
    ]


@pytest.mark.usefixtures("_here")
def test_impact_says_the_same_as_json() -> None:
    found = json.loads(oadb("impact", "planted.goods.name", "--json").stdout)

    assert [each["how"] for each in found["statements"]] == [["reads"], ["updates"]]


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("arguments", [["unused"], ["grants", "--check"]])
def test_what_is_found_is_an_exit_code(arguments: list[str]) -> None:
    result = oadb(*arguments)

    assert result.returncode == 3
    assert "FAIL grant oadb_app: delete planted.goods" in result.stdout


@pytest.mark.usefixtures("_here")
def test_grants_are_printed_as_statements() -> None:
    assert oadb("grants").stdout.splitlines() == [
        "grant select (email) on planted.emails to oadb_app;",
        "grant select (good_id, name), update (name, state) on planted.goods to oadb_app;",
    ]


@pytest.mark.long("asks about every statement, and plans each")
def test_nothing_of_oadb_is_unused_without_a_reason_and_no_grant_is_missing() -> None:
    with examining_sizes([find("oadb")]) as examination:
        found = [
            *unused.find(examination),
            *unused.find_missing_grants(examination),
            *unused.find_unknown_patterns(examination),
        ]

    assert [str(each) for each in found if not each.ok] == []


@pytest.mark.long("migrates a server")
def test_the_command_needs_no_database() -> None:
    result = oadb("impact", "oadb.users.emial", "--package", "oadb")

    assert result.returncode == 2
    assert "oadb.users.emial is not there" in result.stderr
    assert "oadb.users.email" in result.stderr
