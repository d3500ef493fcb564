"""The order in which the files of a test run begin."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.longest_first import LONGEST, pytest_collection_modifyitems
from tests.test_house import REPOSITORY


def test_the_files_that_begin_first_exist() -> None:
    assert [path for path in LONGEST if not (REPOSITORY / path).is_file()] == []


def test_long_files_begin_first_and_then_those_with_the_most_tests() -> None:
    names = ["few::a", "many::a", "many::b", f"{LONGEST[1]}::a", f"{LONGEST[0]}::a"]
    items = [cast("pytest.Item", SimpleNamespace(nodeid=name)) for name in names]
    pytest_collection_modifyitems(items)

    ordered = [f"{LONGEST[0]}::a", f"{LONGEST[1]}::a", "many::a", "many::b", "few::a"]
    assert [item.nodeid for item in items] == ordered


# What leads to a server: fixtures of tests/conftest.py and of oadb, and servers of a test's own.
SERVERS = {
    "adb", "config", "connect", "controlled", "db", "observer", "prepared", "server", "shared_db",
    "shared_url", "tx", "url",
}  # fmt: skip  # a table


def names_in(path: Path) -> set[str]:
    """Return the names of arguments and of functions that are called."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    called = {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name)
    }
    return called | {node.arg for node in nodes if isinstance(node, ast.arg)}


def test_what_does_not_run_on_another_version_asks_no_server() -> None:
    found = re.search(r"asks_no_server='([^']+)'", (REPOSITORY / ".ci/run").read_text())
    assert found is not None

    for file in found[1].split():
        names = names_in(REPOSITORY / file)
        assert names.isdisjoint(SERVERS), file
        assert not [name for name in names if name.startswith("oadb_")], file
