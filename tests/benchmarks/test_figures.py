"""The documents say what the runs say that are kept in docs/figures."""

import pytest

from tests.benchmarks.contest import day_pages, pages, recorded
from tests.benchmarks.contest.pages import written

DOCS = recorded.FOLDER.parent
AGAIN = "python tests/benchmarks/expert.py --render"


@pytest.fixture(scope="module")
def records() -> list[recorded.Record]:
    return recorded.read(recorded.FOLDER)


def test_the_page_has_the_figures_of_the_runs_that_are_kept(
    records: list[recorded.Record],
) -> None:
    page = (DOCS / "performance.md").read_text()

    assert pages.performance(page, records) == page, AGAIN


def test_the_pictures_are_those_of_the_runs_that_are_kept(records: list[recorded.Record]) -> None:
    there = {path.name: path.read_text() for path in recorded.FOLDER.glob("calls-*.svg")}

    assert pages.drawn(records) == there, AGAIN


def test_a_figure_that_is_typed_by_hand_is_noticed(records: list[recorded.Record]) -> None:
    page = (DOCS / "performance.md").read_text()
    answer = next(line for line in page.splitlines() if line.startswith("| [one row by its key]"))
    typed = page.replace(answer, answer.replace(" us |", " ns |", 1))

    assert pages.performance(typed, records) != typed


def test_every_run_says_its_day_revision_machine_and_server(
    records: list[recorded.Record],
) -> None:
    for record in records:
        assert record.answers["made"].endswith(" UTC")
        assert record.answers["revision"]
        assert "load" in record.answers["machine"][0]
        for passed in (recorded.PINNED, recorded.FREE):
            assert "fsync on" in record.server(passed), record.question.key


def test_both_passes_of_a_question_have_the_same_entrants(records: list[recorded.Record]) -> None:
    for record in records:
        pinned, free = (
            [(each.name, each.how) for each in record.entrants(passed)]
            for passed in (recorded.PINNED, recorded.FREE)
        )

        assert pinned == free


def test_a_trading_day_is_told_as_it_was_measured() -> None:
    day = day_pages.read(recorded.FOLDER)
    page, readme = DOCS / "performance.md", DOCS.parent / "README.md"
    again = "python tests/benchmarks/day.py --render"

    assert written(page.read_text(), "day", day_pages.performance(day)) == page.read_text(), again
    told = written(readme.read_text(), "headline", day_pages.headline(day))
    assert told == readme.read_text(), again
    assert (recorded.FOLDER / day_pages.PICTURE).read_text() == day_pages.picture(day), again


def test_a_trading_day_says_the_durability_of_each_side() -> None:
    day = day_pages.read(recorded.FOLDER)

    assert "fsync on" in day["ours"]
    assert "does not wait for the disk" in day["theirs"]


def test_a_document_without_the_marks_of_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for answers"):
        written("# Performance\n", "answers", "nothing")
