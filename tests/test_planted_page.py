"""The page of planted faults is that of the tests that CI runs."""

import subprocess
import sys

import pytest

from tests.support import planted_table


@pytest.mark.long("collects tests of the tools, in a process of its own")
def test_the_page_of_planted_faults_names_the_tests_that_find_them() -> None:
    command = [sys.executable, "-m", "tests.support.planted_table"]
    made = subprocess.run(
        command, cwd=planted_table.ROOT, capture_output=True, text=True, check=False
    )

    assert made.returncode == 0, made.stderr
    page = (planted_table.ROOT / "docs/planted.md").read_text()
    assert page == made.stdout, "python -m tests.support.planted_table > docs/planted.md"


def test_faults_of_every_kind_are_planted() -> None:
    page = (planted_table.ROOT / "docs/planted.md").read_text()
    counts = [part.count(" | `test_") for part in page.split("\n## ")[1:]]

    assert len(counts) == len(planted_table.KINDS)
    assert min(counts) >= 8
    assert sum(counts) >= 40
