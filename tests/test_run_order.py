"""The order in which the files of a test run begin."""

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
