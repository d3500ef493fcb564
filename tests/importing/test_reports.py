"""Reports of an import: what makes a difference, and how rows are named."""

from collections.abc import Callable

import pytest

from oadb.importing.reports import TableReport

DIFFERENCES: dict[str, Callable[[TableReport], None]] = {
    "left out": lambda report: report.leave_out(1, "why"),
    "kept": lambda report: report.keep(1, "name"),
    "open": lambda report: report.leave_open(1, "name"),
    "gone": lambda report: report.miss(1, "it is gone"),
    "incomplete": lambda report: report.lack("rows are missing"),
}


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_what_is_not_as_in_openalgo_makes_a_report_differ(kind: str) -> None:
    report = TableReport("users")
    report.note(1, "told only")
    report.leave_behind(2, "over")
    report.take(3, "name")
    assert not report.differs

    DIFFERENCES[kind](report)
    assert report.differs


def test_a_row_is_named_by_the_first_20_characters_of_its_id() -> None:
    report = TableReport("users")
    report.miss("0123456789" * 3, "it is gone")

    assert report.compared()["gone"] == {"it is gone": ["0123456789" * 2]}
