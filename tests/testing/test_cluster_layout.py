"""Tests that fail on a Citus cluster are listed, few, and looked at again in each run there."""

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest

from tests.support.cluster_layout import LISTED, ListedFailures
from tests.support.documented import DOCS

ROOT = Path(__file__).parents[2]
FIRST = next(iter(LISTED))


def test_at_most_ten_tests_are_listed_and_all_are_there() -> None:
    for name in LISTED:
        file, _, function = name.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(LISTED) <= 10


def test_the_page_has_every_listed_test_and_its_reason() -> None:
    page = (DOCS / "scale.md").read_text()
    lines = [f"| `{name.partition('::')[2]}` | {reason} |" for name, reason in LISTED.items()]

    assert [line for line in lines if line not in page] == []


def report(
    name: str, outcome: Literal["passed", "skipped"], when: Literal["setup", "call"] = "call"
) -> pytest.TestReport:
    return pytest.TestReport(name, ("", 0, ""), {}, outcome, None, when)


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ([report(f"{FIRST}[1]", "passed")], pytest.ExitCode.TESTS_FAILED),
        ([report(f"{FIRST}[1]", "passed"), report(f"{FIRST}[2]", "skipped")], pytest.ExitCode.OK),
        ([report(FIRST, "passed", "setup"), report("another", "passed")], pytest.ExitCode.OK),
    ],
)
def test_a_listed_test_that_passes_with_all_its_values_fails_the_run(
    reports: list[pytest.TestReport], code: pytest.ExitCode
) -> None:
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    looking = ListedFailures()
    for each in reports:
        looking.pytest_runtest_logreport(each)

    looking.pytest_sessionfinish(cast("pytest.Session", session))

    assert session.exitstatus == code
