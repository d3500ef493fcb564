"""The page of workers shows the files of the service that the tests of this folder run."""

import re

import pytest

from tests.test_docs import ROOT, blocks
from tests.workers.conftest import SERVICE

PAGE = ROOT / "docs" / "workers.md"
FILES = [path.read_text() for path in SERVICE.rglob("*") if path.suffix in {".py", ".sql"}]
BLOCKS = [*blocks(PAGE, "python"), *blocks(PAGE, "sql")]


def test_the_page_shows_files_and_nothing_else() -> None:
    assert len(BLOCKS) == len(re.findall(r"^```\w+$", PAGE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_page_stands_in_a_file_that_runs(block: str) -> None:
    assert any(block in text for text in FILES), block
