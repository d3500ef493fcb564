"""Statements made at random are read as PostgreSQL reads them."""

from collections.abc import Generator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.tools.contract.description import describe
from tests.engine.binding.probes import parsed_one

NAMES = ("a", "ab", "a_1", "größe", "select_")

# Expressions without a parameter, although ¤ becomes a colon and a name.
TEXTS = [
    "'it''s ¤'", r"E'it\'s ¤ \\'", "U&'d\\0061t ¤'", "$$ it's ¤ $$", "$q$ $$ ¤ $q$", "n'¤'",
    "'a\n-- name: foo\n¤'", "(array[1,2,3])[1:2]", "(array[1,2,3])[:2]", "(array[1])[1::int]",
    "'1'::text::int", "5 % 2", "'{}'::jsonb ? 'a'", "'{}'::jsonb ?| array['¤']",
    "'{}'::jsonb ?& array['¤']", "'{}'::jsonb @> '{}'", "1 as \"a ¤ ' b\"",
    "make_interval(days := 1)", "make_interval(days => 1)", "'a;b'", "b'101'", "1.5e3",
]  # fmt: skip  # a table
GAPS = [
    " ", "\n", "\t", " -- it's ¤\n", "/* ¤ */", "/* /* ¤' */ \" */", "\n--\n", " /* ; */ ",
    " -- $$\n",
]  # fmt: skip  # a table
# Expressions with a parameter at each #.
TAKERS = [
    "#::text", "# ::int", "(#::int)", "cast(#as text)", "array[#::int, #]", "(array[1,2])[#]",
    "(array[1,2])[# : #]", "(array[1,2])[1 : #]", "make_interval(days := #)", "5 %#::int",
    "make_interval(days=>#)", "'{}'::jsonb ?#", "'{}'::jsonb ?| #", "'{}'::jsonb @> #::jsonb",
    "coalesce(#::text,'¤')", "-#::int", "'a'||#::text||$$ ¤ $$",
]  # fmt: skip  # a table


expressions = st.tuples(st.sampled_from(TEXTS + TAKERS), st.sampled_from(GAPS)).map("".join)


@st.composite
def selects(draw: st.DrawFn, *, repeated: bool = True) -> tuple[str, list[str]]:
    """Draw a select list and the names of its parameters, in order."""
    drawn = ",".join(draw(st.lists(expressions, min_size=1, max_size=6)))
    first, *rest = f"select {drawn}".replace("¤", ":no").split("#")
    names = [draw(st.sampled_from(NAMES)) if repeated else f"p{n}" for n in range(len(rest))]
    return first + "".join(f":{name} {text}" for name, text in zip(names, rest, strict=True)), names


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield connection


@given(selects())
def test_exactly_the_placeholders_outside_of_quotes_and_comments_are_kept(
    drawn: tuple[str, list[str]],
) -> None:
    sql, names = drawn
    statement = parsed_one(sql)
    kept = [part.text[1:] for part in statement.parts if part.kind == "placeholder"]

    assert kept == names
    assert statement.params == tuple(dict.fromkeys(names))


@given(selects())
def test_everything_but_placeholders_is_sent_unchanged(drawn: tuple[str, list[str]]) -> None:
    statement = parsed_one(drawn[0])
    sent = statement.sql.decode().replace(" /* probe.probe */", "", 1)
    for number, name in reversed(list(enumerate(statement.params, 1))):
        assert f"${number}" in sent
        sent = sent.replace(f"${number}", f":{name}")

    assert sent == drawn[0]


@given(selects(repeated=False))
def test_the_server_sees_as_many_parameters(
    connection: psycopg.Connection, drawn: tuple[str, list[str]]
) -> None:
    described = describe(connection, parsed_one(drawn[0]))

    assert len(described.parameters) == len(drawn[1])


@pytest.mark.parametrize("expression", [*TEXTS, *TAKERS])
def test_the_server_understands_every_expression_of_these_tests(
    connection: psycopg.Connection, expression: str
) -> None:
    sql = f"select {expression}".replace("¤", ":no").replace("#", ":a ")

    assert len(describe(connection, parsed_one(sql)).parameters) == ("#" in expression)
