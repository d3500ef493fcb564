"""Trials of migrations that are kept: when they are made anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from oadb.tools.migrations.migration_trial import StepEffect, TrialResult
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.step_plans import StepPlan
from oadb.tools.migrations.table_states import Work
from oadb.tools.review import kept_trials
from oadb.tools.review.kept_trials import Results
from tests.support.migrations import MigrationFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MigrationFolder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = MigrationFolder(tmp_path / "sql" / "migrations")
    found.table("0002_create_ants", "ants")
    return found


def results(folder: MigrationFolder, failure: str | None = None) -> Results:
    """Return what migrations of a folder might do."""
    work = Work("index", "oadb.ants", "ants_idx")
    plan = StepPlan(("Update on oadb.ants",))
    return {
        (each.package, each.id): TrialResult(
            each,
            (StepEffect(each.script.steps[-1], {"oadb.ants": "share"}, (work,), plan),),
            failure,
            "4s",
            None,
            ("table oadb.bees",),
        )
        for each in RunScope.of(folder.packages).migrations
    }


def counted(made: Results, calls: list[int]) -> Callable[[], Results]:
    def try_out() -> Results:
        calls.append(1)
        return made

    return try_out


def test_what_was_tried_once_is_as_it_was_until_a_migration_is_added(
    folder: MigrationFolder,
) -> None:
    calls = list[int]()
    first = kept_trials.of(folder.packages, counted(results(folder), calls))
    second = kept_trials.of(folder.packages, counted({}, calls))
    folder.table("0003_create_bees", "bees")
    third = kept_trials.of(folder.packages, counted({}, calls))

    assert (len(first), second, third, len(calls)) == (2, first, {}, 2)


def test_a_failure_is_tried_again(folder: MigrationFolder) -> None:
    calls = list[int]()
    for _ in range(2):
        kept_trials.of(folder.packages, counted(results(folder, "too slow"), calls))

    assert len(calls) == 2


@pytest.mark.parametrize(
    "damage", ["", "[]", "[{}]", "[1]", "{", '[{"package": "oadb", "id": "0009"}]']
)
def test_a_damaged_file_is_written_again(
    folder: MigrationFolder, tmp_path: Path, damage: str
) -> None:
    calls = list[int]()
    made = results(folder)
    kept_trials.of(folder.packages, counted(made, calls))
    (file,) = (tmp_path / "cache" / "oadb" / "tried").iterdir()
    file.write_text(damage)

    assert kept_trials.of(folder.packages, counted(made, calls)) == made
    assert kept_trials.of(folder.packages, counted(made, calls)) == made
    assert len(calls) == 2


def test_the_latest_are_kept(folder: MigrationFolder, tmp_path: Path) -> None:
    for number in range(3, 8):
        folder.table(f"000{number}_create_{number}", f"t{number}")
        kept_trials.of(folder.packages, counted(results(folder), []))

    assert len([*(tmp_path / "cache" / "oadb" / "tried").iterdir()]) == 3
