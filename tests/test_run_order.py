"""The order in which the files of a test run begin."""

import pytest

from tests.support.longest_first import LONGEST, pytest_collection_modifyitems
from tests.test_house import REPOSITORY


def test_the_files_that_begin_first_exist() -> None:
    assert [path for path in LONGEST if not (REPOSITORY / path).is_file()] == []


def test_long_files_begin_first_and_then_those_with_the_most_tests(
    request: pytest.FixtureRequest,
) -> None:
    def item(name: str) -> pytest.Item:
        return pytest.Function.from_parent(request.node.parent, name=name, callobj=item)

    given = [item(each) for each in ("few", "many", "many", LONGEST[1], LONGEST[0])]
    for each in given:
        each._nodeid = f"{each.name}::test"
    pytest_collection_modifyitems(given)

    assert [each.name for each in given] == [LONGEST[0], LONGEST[1], "many", "many", "few"]
