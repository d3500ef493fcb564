"""What a terminal of 80 columns and 24 lines shows of the load of statements."""

from io import StringIO

import pytest
from rich.console import Console

from oadb.tools.activity import load_views
from oadb.tools.activity.statement_load import CostReport, StatementCost, StatementLoad
from oadb.tools.activity.statement_places import StatementPlace

GRANT = (
    "99% of the time is that of statements of other roles, which watcher may not see: "
    "grant pg_read_all_stats to watcher;"
)


def shown(labels: list[str], *remarks: str, most: int = 20) -> list[str]:
    cost = StatementCost(12_345, 67_890.0, 1_000_000, 8, 2, 1, 100)
    place = StatementPlace("sql/queries/x.sql", 7)
    loads = tuple(StatementLoad(label, place, cost) for label in labels)
    report = CostReport(2.0, loads, StatementCost(), StatementCost(), cost, remarks)
    console = Console(file=StringIO(), width=80, height=24, highlight=False, markup=False)
    console.print(load_views.screen(report, most, width=80, height=24))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_remarks_are_seen_below_as_many_statements_as_fit() -> None:
    lines = shown([f"calls.list_{number:02}" for number in range(30)], GRANT)

    assert len(lines) == 24
    assert " ".join(" ".join(lines[-2:]).split()) == GRANT
    assert [line.split()[0] for line in lines[2:5]] == [f"calls.list_0{n}" for n in range(3)]
    assert lines[-4].split()[-1] == "more"
    assert lines[-3].startswith("other ")


def test_a_label_that_is_too_long_is_cut_before_calls_time_and_share_are() -> None:
    label = "api_logs.list_calls +since +until +user_id +status order=newest at=any"
    _, heads, line, other = shown([label])

    assert heads.split()[:5] == ["statement", "calls", "time", "mean", "share"]
    assert line.startswith("api_logs.list_calls +since ")
    assert line.split()[-1] == "100.0%"
    assert other.startswith("other ")


@pytest.mark.parametrize("remarks", [[], ["x" * 2000]])
def test_a_statement_is_always_shown(remarks: list[str]) -> None:
    assert any("users.get" in line for line in shown(["users.get"], *remarks))
