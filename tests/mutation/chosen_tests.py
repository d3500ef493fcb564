"""A pytest plugin: of the files that are given, the tests that a mutant may fail, in their order.

The file of ``OADB_MUTATION_TESTS`` has a test in each line, or a file of which all tests run.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.mutation.recording import file_of, test_of

CHOSEN = "OADB_MUTATION_TESTS"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    chosen = Path(os.environ[CHOSEN]).read_text().splitlines()
    by_name = {item.nodeid: item for item in items}
    items[:] = [by_name[name] for name in ordered(by_name, chosen)]


def ordered(names: Iterable[str], chosen: Iterable[str]) -> list[str]:
    """Return the names that are chosen in the order of the choice, each file together."""
    given = [*chosen]
    tests = {test: number for number, test in enumerate(given)}
    files = {file: number for number, file in enumerate(dict.fromkeys(map(file_of, given)))}

    def place(name: str) -> tuple[int, int]:
        return files[file_of(name)], tests.get(test_of(name), 0)

    return sorted((n for n in names if {test_of(n), file_of(n)} & tests.keys()), key=place)
