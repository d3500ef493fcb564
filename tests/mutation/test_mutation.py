"""Mutants: which there are, which are chosen, and how the tests of one end."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation import (
    choosing,
    chosen_tests,
    finding,
    listed,
    page,
    recording,
    results,
    running,
    sql_edits,
    trees,
)
from tests.mutation.mutants import Mutant, chosen

ROOT = Path(__file__).parents[2]

TOY = "def is_child(age: int) -> bool:\n    return age < 18\n"
TOY_TESTS = """from toys.ages import is_child

def test_at_18_one_is_no_child():
    assert is_child(17) and not is_child(18)
"""
# Without the plugins that are installed: oadb, which is one of them, takes as long as the rest.
FEW_PLUGINS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin,pytest_timeout",
}


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "ages.py").write_text(TOY)
    (tmp_path / "test_ages.py").write_text(TOY_TESTS)
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    import toys.ages\n")
    return tmp_path


def mutant_of(toys: Path, after: str) -> Mutant:
    return next(
        each for each in finding.of_files(toys, ["toys/ages.py"]) if each.after.endswith(after)
    )


@pytest.mark.long("runs pytest twice")
@pytest.mark.parametrize(
    ("test", "outcome"), [("test_ages.py", "killed"), ("test_nothing.py", "survived")]
)
def test_a_mutant_is_killed_by_a_test_that_fails(toys: Path, test: str, outcome: str) -> None:
    command = running.command(toys, [test])
    result = running.run(toys, mutant_of(toys, "age <= 18"), command, 60, FEW_PLUGINS)

    assert result.outcome == outcome
    assert result.by == ("test_ages.py::test_at_18_one_is_no_child" if outcome == "killed" else "")
    assert (toys / "toys" / "ages.py").read_text() == TOY


@pytest.mark.parametrize(
    ("code", "written", "outcome"),
    [
        (1, "FAILED tests/test_a.py::test_b - assert", ("killed", "tests/test_a.py::test_b")),
        (1, "ERROR tests/test_a.py - Failed: x from pytest-timeout", ("hung", "tests/test_a.py")),
        (4, "ImportError while loading conftest", ("killed", "import")),
        (0, "1 passed", ("survived", "")),
        (5, "no tests ran", ("untested", "")),
        (-15, "", ("untested", "")),
    ],
)
def test_a_run_is_judged_by_its_exit_code(
    code: int, written: str, outcome: tuple[str, str]
) -> None:
    assert running.judged(code, written) == outcome


def test_a_mutant_that_hangs_ends_at_the_limit(toys: Path) -> None:
    command = ["sleep", "60"]

    assert running.ended(toys, command, 0.05, {}) == ("hung", "the limit of 0 s")


def test_each_part_of_a_function_has_its_mutants(toys: Path) -> None:
    afters = {each.after for each in finding.of_files(toys, ["toys/ages.py"])}

    assert afters == {"return None", "return age <= 18", "return age < 19"}


def test_what_is_false_does_not_become_none(toys: Path) -> None:
    (toys / "toys" / "ages.py").write_text("def is_child() -> bool:\n    return False\n")

    assert [m.after for m in finding.of_files(toys, ["toys/ages.py"])] == ["return True"]


def test_a_mutant_changes_its_file_and_leaves_it_as_it_was(toys: Path) -> None:
    path, mutant = toys / "toys" / "ages.py", mutant_of(toys, "< 19")
    with trees.mutated(toys, mutant):
        assert path.read_text() == TOY.replace("18", "19")
        changed = path.stat().st_mtime
    assert path.read_text() == TOY
    assert path.stat().st_mtime != changed


SQL = """select max(name) from oadb.users
where user_id = :user_id and age between 1 and :most --? most
order by name desc
limit :limit
for update skip locked;
"""


def test_a_condition_that_is_dropped_keeps_its_placeholders() -> None:
    mutants = [(e.operator, SQL[: e.start] + e.replacement + SQL[e.end :]) for e in edits()]

    assert all(text.count(":") == SQL.count(":") for _, text in mutants)
    assert {operator for operator, _ in mutants} == {
        "function", "condition", "and/or", "comparison", "constant", "order", "limit", "lock",
    }  # fmt: skip  # a table
    assert "and (true or (age between 1 and :most)) --? most" in "\n".join(t for _, t in mutants)


def edits() -> list[sql_edits.Edit]:
    return [*sql_edits.edits(SQL)]


def test_what_changes_nothing_is_no_mutant() -> None:
    """A condition that is true anyway; a row more than a page, which the engine cuts."""
    text = "-- name: a\nselect 1 from b where\ntrue\nand c < :c --? cursor\nlimit :limit;"
    operators = [each.operator for each in sql_edits.edits(text)]

    assert operators.count("condition") == 1
    assert "limit" not in operators


def test_an_assignment_is_no_comparison() -> None:
    text = "update oadb.users set name = 'x', age = case when age = 1 then 2 end where true;"
    compared = [each for each in sql_edits.edits(text) if each.replacement == "<>"]

    assert [text[: each.start].endswith("case when age ") for each in compared] == [True]


def test_a_migration_can_lose_a_check_an_index_and_a_default(tmp_path: Path) -> None:
    path = tmp_path / "sql" / "migrations" / "0001_create.sql"
    path.parent.mkdir(parents=True)
    path.write_text(
        "set local lock_timeout = '4s';\n"
        "create table oadb.a (b bigint not null default 0, check (b >= 0));\n"
        "create index a_b_idx on oadb.a (b);\n"
    )
    operators = {each.edit.operator for each in finding.found(tmp_path)}

    assert {"check", "statement", "default", "not null"} <= operators


def test_a_sample_stays_the_same_while_other_lines_change(toys: Path) -> None:
    every = finding.of_files(toys, ["toys/ages.py"])
    sample = [*chosen(every, 2, seed=3)]

    assert len(sample) == 2
    assert {each.identity for each in sample} == {
        each.identity for each in chosen([*reversed(every)], 2, seed=3)
    }


def test_tests_that_run_little_else_come_first(toys: Path) -> None:
    mutant = mutant_of(toys, "< 19")
    few, many = frozenset({mutant.place}), frozenset({mutant.place, "b:1", "c:1"})
    known = [
        choosing.RecordedTest("tests/toys/test_a.py::test_many", many, 1),
        choosing.RecordedTest("tests/toys/test_b.py::test_few", few, 1),
        choosing.RecordedTest("tests/toys/test_b.py::test_long", few, 9),
        choosing.RecordedTest("tests/toys/test_b.py::test_others", frozenset(), 1),
    ]

    found = choosing.tests_of(mutant, known, seconds=2.5)
    assert found == ["tests/toys/test_b.py::test_few", "tests/toys/test_a.py::test_many"]
    at_import = replace(mutant, place=f"{mutant.path}:0")
    assert choosing.tests_of(at_import, known, seconds=2.5) == found


def test_tests_that_are_chosen_run_in_the_order_of_the_choice() -> None:
    items = ["a.py::one", "a.py::two[1]", "a.py::two[2]", "b.py::one", "b.py::two", "c.py::one"]

    assert chosen_tests.ordered(items, ["b.py::two", "a.py::two", "b.py::one"]) == [
        "b.py::two", "b.py::one", "a.py::two[1]", "a.py::two[2]"
    ]  # fmt: skip  # by file
    assert chosen_tests.ordered(items, ["a.py"]) == items[:3]


def test_what_a_test_ran_is_read_again_as_long_as_its_file_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_a.py"
    file.parent.mkdir()
    file.write_text("")
    recorder = recording.Recorder(tmp_path)
    for test in ("one", "two"):
        recorder.add(f"tests/test_a.py::{test}", 0.5)
    recorder.failed = {"tests/test_a.py::two"}
    recorder.ran["tests/test_a.py::one"] = {"oadb/a.py:1", "users.get"}
    recorder.write(tmp_path / "1.json", tmp_path)
    [read] = choosing.read(tmp_path, tmp_path)
    file.write_text("# changed")

    assert read.name == "tests/test_a.py::one"
    assert read.ran == {"oadb/a.py:1", "users.get"}
    assert choosing.read(tmp_path, tmp_path) == []


def test_what_runs_at_import_is_tried_with_its_room_after_the_tests_of_its_name(
    toys: Path,
) -> None:
    mutant = replace(mutant_of(toys, "< 19"), place="toys/ages.py:0", room="toys")
    entered = {"others/test_entering": frozenset({f"{mutant.path}:1"})}
    known = [
        choosing.RecordedTest(f"tests/{name}.py::test", entered.get(name, frozenset()), 1)
        for name in (
            "toys/test_all",
            "others/test_others",
            "others/test_entering",
            "toys/test_ages",
        )
    ]

    assert choosing.tests_of(mutant, known, seconds=9) == [
        "tests/toys/test_ages.py::test",
        "tests/toys/test_all.py::test",
        "tests/others/test_entering.py::test",
    ]


def test_the_table_counts_what_is_equivalent_apart(toys: Path) -> None:
    one, two, three = finding.of_files(toys, ["toys/ages.py"])
    known = {
        one.identity: running.Result(one.identity, "", "hung", "", 1),
        two.identity: running.Result(two.identity, "", "survived", "", 1),
    }
    table = results.table([one, two, three], known, {three.identity})

    assert table.splitlines()[-1] == "| all | 3 | 0 | 0 | 1 | 1 | 1 | 1 | 50 |"
    assert results.survivors([one, two, three], known) == [two]


def test_the_page_keeps_what_it_says_of_rooms_that_were_not_tried(toys: Path) -> None:
    one, two, three = finding.of_files(toys, ["toys/ages.py"])
    (toys / "docs").mkdir()
    for room, given in (("bans", [one, two, three]), ("ages", [two, three]), ("ages", [two])):
        survivor = replace(one, room=room, path=f"oadb/{room}/x.py")
        tried = [*(replace(each, room=room) for each in given), survivor]
        outcomes: dict[str, running.Outcome] = {each.identity: "killed" for each in tried}
        outcomes[survivor.identity] = "survived"
        known = {each: running.Result(each, "", how, "", 1) for each, how in outcomes.items()}
        page.write(toys, results.table(tried, known, ()), [survivor], 1, 120)
    written = (toys / "docs" / "mutation.md").read_text().splitlines()

    assert [line for line in written if re.match(r"\| [a-z]+ \| \d|\| `", line)] == [
        "| ages | 2 | 0 | 0 | 1 | 0 | 1 | 0 | 50 |",
        "| bans | 4 | 0 | 0 | 3 | 0 | 1 | 0 | 75 |",
        "| all | 6 | 0 | 0 | 4 | 0 | 2 | 0 | 67 |",
        *(
            f"| `oadb/{room}/x.py:{one.line}` | `{one.before}` | `{one.after}` |"
            for room in ("ages", "bans")
        ),
    ]


@pytest.mark.parametrize("path", [listed.NAMED, listed.EQUIVALENT], ids=lambda path: path.stem)
def test_mutants_that_are_listed_are_still_there(path: Path) -> None:
    entries = listed.read(path)
    paths = sorted({each.path for each in entries})
    keys = {listed.key(each) for each in finding.of_files(ROOT, paths)}

    assert [each for each in entries if each.key not in keys] == []
    assert all(each.reason for each in entries)
