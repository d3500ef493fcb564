"""The page of statements on a cluster lists all of them, and says why one asks several shards."""

import re

import pytest

from oadb.engine.binding.packages import find
from oadb.tools.plans import named_statements
from oadb.tools.scale import placed_names
from oadb.tools.scale.placed_sql import PlacedNames
from oadb.tools.scale.query_blocks import SqlText
from tests.support import cluster_page

_ROW = re.compile(r"^\| `(\S+)` \| (.+?) \| (.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[str, str]]:
    """How each statement is taken, and why, as the page says."""
    text = cluster_page.PAGE.read_text()
    return {name: (how, why.strip()) for name, how, why in _ROW.findall(text)}


def test_the_page_lists_exactly_the_statements_that_there_are(
    rows: dict[str, tuple[str, str]],
) -> None:
    names = {name for names in cluster_page.by_file().values() for name in names}

    assert {*rows} == names


def test_each_fan_out_has_the_reason_that_its_comment_gives_and_nothing_else_has_one(
    rows: dict[str, tuple[str, str]],
) -> None:
    reasons = {
        name: why for names in cluster_page.by_file().values() for name, why in names.items()
    }

    assert {name: why for name, (_, why) in rows.items()} == reasons
    assert {name for name, (how, _) in rows.items() if "fan-out" in how} == {
        name for name, why in reasons.items() if why
    }


def test_a_statement_is_local_if_and_only_if_it_names_no_table_on_the_workers(
    rows: dict[str, tuple[str, str]],
) -> None:
    names = placed_names.read(find("oadb"))
    assert names is not None
    spread = {
        each.statement.label.partition(" ")[0]
        for each in named_statements.every([find("oadb")])
        if is_spread(SqlText(each.statement.statement.parts), names)
    }
    unplanned = {name for name, (how, _) in rows.items() if how == "utility"}  # such as COPY
    taken = {name for name, (how, _) in rows.items() if how != "local"} - unplanned

    assert taken == spread - unplanned


def is_spread(text: SqlText, names: PlacedNames) -> bool:
    """Return whether a statement names a table whose rows are on workers now, or its partition."""
    named = (name.removesuffix("_default") for _, name in text.names(range(len(text.texts))))
    found = (names.tables.get(name) for name in named)
    return any(place is not None and place.now == "distributed" for place in found)


def test_variants_that_differ_are_told_by_the_parameter_that_decides() -> None:
    answers = {
        "logs.list": "fan-out", "logs.list +since": "fan-out",
        "logs.list +user_id": "router", "logs.list +since +user_id": "router",
        "logs.get": "local",
    }  # fmt: skip  # a table

    assert cluster_page.told("logs.list", answers) == "router with `user_id`, else fan-out"
    assert cluster_page.told("logs.get", answers) == "local"
    with pytest.raises(ValueError, match="no parameter explains"):
        cluster_page.told("logs.list", answers | {"logs.list +since": "router"})


def test_a_reason_may_go_on_over_lines_and_ends_where_another_one_begins() -> None:
    comment = "Rows.\nfan-out: it lists\nall rows.\ngrows: with the window."

    assert cluster_page.reason(comment) == "it lists all rows."
    assert cluster_page.reason("Rows.\nServed by a_pkey.") == ""
