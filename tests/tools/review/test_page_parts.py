"""Parts of pages: colors, addresses, filters, statements to paste, summaries."""

import re
from pathlib import Path

import psycopg
import pytest

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.packages import find
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import parse
from oadb.tools.contract import comparison
from oadb.tools.review import (
    change_summary,
    growth_curves,
    highlighting,
    page_addresses,
    pasteable_sql,
    statement_comments,
    text_filters,
)
from oadb.tools.review.book_model import Book, ParameterReview, ReviewedChange
from oadb.tools.review.server_answers import StatementAsker
from tests.support.declared import ROOT, statement

CSS = (ROOT / "oadb/tools/review/templates/book.css").read_text()
COLORS = dict(re.findall(r"--([\w-]+): light-dark\((.*?)\);", CSS))

# Texts, and what they stand on.
PAIRS = [
    *((text, ground) for text in ("text", "quiet", "accent") for ground in ("page", "surface")),
    *((text, "code") for text in ("text", "quiet", "accent", "string", "warm")),
    *(("text", ground) for ground in ("tint", "added", "removed")),
    *((text, "tint") for text in ("quiet",)),
    ("warm", "page"),
    ("on-accent", "accent"),
]


def brightness(color: str) -> float:
    """Return the relative luminance of a color, as WCAG 2.2 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_texts_stand_out_as_wcag_aa_asks(text: str, ground: str, theme: int) -> None:
    dark, light = sorted(brightness(COLORS[name].split(", ")[theme]) for name in (text, ground))

    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    "names",
    [
        ("Rows", "rows"),
        ("a/b", "a~2f~b"),
        ("x" * 300, "x" * 301),
        ("..", "."),
        ("é", "e"),
        ("a b", "a_b"),
    ],
)
def test_two_names_have_two_pages_in_one_folder(names: tuple[str, str]) -> None:
    one, other = (page_addresses.page("table", "shop", name) for name in names)

    assert one.lower() != other.lower()
    assert all(re.fullmatch(r"tables/[a-z0-9_.~]{1,200}\.html", each) for each in (one, other))


@pytest.mark.parametrize("language", ["sql", "python", "psql"])
def test_code_is_escaped_whatever_is_in_it(language: str) -> None:
    shown = highlighting.highlight("\\set x '<b>'\nselect '</code><script>' -- <i>", language)

    assert not re.search(r"<(?!/i>|i class=[cksv]>)", shown)


def test_keywords_texts_and_comments_are_marked_also_in_the_body_of_a_function() -> None:
    sql = "do $body$\nbegin\n    perform 1; -- why\nend\n$body$"
    python = 'def named(it: str) -> "Row":\n    """Return it."""  # None'

    assert highlighting.highlight(sql, "sql") == (
        "<i class=k>do</i> <i class=s>$body$</i>\n<i class=k>begin\n    "
        "perform</i> <i class=s>1</i>; <i class=c>-- why</i>\n<i class=k>end</i>\n"
        "<i class=s>$body$</i>"
    )
    assert highlighting.highlight(python, "python") == (
        '<i class=k>def</i> named(it: str) -&gt; <i class=s>"Row"</i>:\n    '
        '<i class=s>"""Return it."""</i>  <i class=c># None</i>'
    )


def test_names_break_behind_dots_and_underscores_and_are_escaped() -> None:
    assert text_filters.breakable("a.<b>_c") == "a.<wbr>&lt;b&gt;_<wbr>c"


def test_unchanged_lines_far_away_are_left_out_of_a_comparison() -> None:
    old = [str(number) for number in range(30)]
    rows = [*text_filters.side_by_side("\n".join(old), "\n".join([*old[:20], "new", *old[21:]]))]

    assert rows[0][0] == "gap"
    assert ("changed", "20", "new") in rows
    assert len(rows) == 8


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    change = ReviewedChange(
        "table", "shop", "a`b", "changed", (("Definition", "", "```\n</details>"),)
    )
    book = Book("", "", (), (), (), (), base="v1", changes=(change,))

    summary = change_summary.render(book)

    assert "\n````diff\n" in summary
    assert "### table `` a`b ``: changed" in summary


def test_a_scope_that_goes_on_in_the_next_line_is_read_whole() -> None:
    found = statement_comments.read(statement("sessions._find_by_digest"))

    assert found.scope == "all users (a token of the old form names no user)"
    assert "scope:" not in found.prose


def test_a_curve_without_growth_is_flat() -> None:
    svg = growth_curves.draw([(10**4, 8.4), (10**6, 8.4), (10**9, 8.4)], "Cost")
    (line,) = re.findall(r'class=curve d="([^"]*)"', svg)

    assert len({point.split()[1] for point in line[1:].split("L")}) == 1


def replaced(sql: str, parameters: list[ParameterReview]) -> str:
    """Replace variables as psql does: not in comments, quotes and casts."""
    values = {each.name: each.example for each in parameters if each.postgres}
    return re.sub(
        r"('(?:[^']|'')*'|--[^\n]*|::)|:([a-z_][a-z0-9_]*)",
        lambda found: found[1] or values[found[2]],
        sql,
    )


@pytest.mark.long("prepares every statement twice")
def test_every_statement_can_be_pasted_with_its_examples(url: str) -> None:
    keywords = parse(url).keywords
    refused: dict[str, str] = {}
    with DirectConnection.to(keywords, seconds=15, context=Untyped()) as connection:
        asker = StatementAsker(connection)
        for queries in comparison.declarations(find("oadb")):
            for declared in queries:
                answer = asker.ask(declared)
                parameters = [
                    ParameterReview(name, "", kind.shown, "", pasteable_sql.example(kind.name))
                    for name, kind in answer.parameters.items()
                ]
                if declared.is_copy or not parameters:
                    continue
                text = replaced(declared.sql, parameters)
                try:
                    connection.pgconn.prepare(b"", text.encode())
                except psycopg.Error as error:
                    refused[declared.label] = str(error)
                    continue

    assert refused == {}


def test_an_example_is_quoted_as_psql_reads_it() -> None:
    parameters = [
        ParameterReview("token", "bytes", "bytea", "", pasteable_sql.example("bytea")),
        ParameterReview("user_id", "int", "bigint", "", pasteable_sql.example("int8")),
        ParameterReview("cursor", "str", "", "", ""),
    ]

    assert pasteable_sql.paste("select :token", parameters) == (
        "\\set token '''\\\\x00'''\n\\set user_id 7\nselect :token;"
    )


def test_templates_load_nothing_from_elsewhere() -> None:
    for path in Path(ROOT / "oadb/tools/review/templates").iterdir():
        assert not re.search(r"https?:|@import|url\(", path.read_text()), path
