"""Files of named SQL: the statements, the SQL that is sent, and the errors in a file."""

from pathlib import Path

import pytest

from oadb.engine.binding import statements
from oadb.engine.binding.packages import Package, find
from oadb.errors import DeclarationError
from tests.engine.binding.probes import parsed, parsed_one

WRONG = r"""-- name: get
select 1

-- name: Get-All
select 2;

-- name: dollar
select $1;

-- name: command
\d users
;

-- name: half
select 'half, 2;
"""


def refused(text: str) -> str:
    with pytest.raises(DeclarationError) as error:
        parsed(text)
    return str(error.value)


def test_a_statement_has_a_name_a_comment_a_text_and_parameters() -> None:
    found = parsed("-- Heading.\n\n-- name: get\n-- By key.\n-- Fast.\nselect :a, :b, :a;\n")["get"]

    assert found.label == "probe.get"
    assert found.doc == "By key.\nFast."
    assert found.line == 6
    assert found.params == ("a", "b")
    assert found.sql == b"select /* probe.get */ $1, $2, $1"


def test_parameters_are_numbered_in_the_order_of_the_declaration() -> None:
    found = parsed_one("select :a, :b, :a").with_params(["b", "a"])

    assert found.sql == b"select /* probe.probe */ $2, $1, $2"


def test_a_name_that_begins_like_another_keeps_its_own_number() -> None:
    assert parsed_one("select :a, :a_b, :ab").sql.endswith(b" $1, $2, $3")


@pytest.mark.parametrize("sql", ["select 1 limit:a", "select x from y where x in(1)and:a"])
def test_a_placeholder_right_after_a_word_does_not_become_a_part_of_it(sql: str) -> None:
    """``limit$1`` is an identifier in PostgreSQL: here it would be the name of the column."""
    try:
        sent = parsed_one(sql).sql.decode()
    except DeclarationError:
        return

    assert not sent[: -len("$1")][-1].isalnum()


def test_line_at_finds_the_line_of_the_file_for_a_position_of_the_server() -> None:
    found = parsed("-- name: get\n\n/* é */\nselect\n  :a,\n  '\n', ß;\n")["get"]
    sent = found.sql.decode()

    assert found.line_at(1) == 4
    assert found.line_at(sent.index("$1") + 1) == 5
    assert found.line_at(sent.index("ß") + 1) == 7


def test_words_are_those_of_the_code() -> None:
    assert parsed_one("SELECT 'insert', \"update\" -- delete\nFROM x").words == (
        "select",
        "from",
        "x",
    )


def test_a_heading_inside_a_text_names_nothing() -> None:
    assert list(parsed("-- name: get\nselect '\n-- name: foo\n', $$\n-- name: bar\n$$;")) == ["get"]


@pytest.mark.parametrize(
    "heading", ["--name:get", "-- name:get  ", "--  name: get", "  -- name: get"]
)
def test_spaces_in_a_heading_do_not_matter(heading: str) -> None:
    assert list(parsed(f"{heading}\nselect 1;")) == ["get"]


def test_lines_may_end_as_on_windows_and_a_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    body = "-- name: get\r\n-- One.\r\n-- Two.\r\nselect 'a\r\nb', -- it's :no\r\n  :a;\r\n"
    (tmp_path / "queries" / "probe.sql").write_bytes(b"\xef\xbb\xbf" + body.encode())
    found = statements.load(Package("probe", tmp_path, "sql"), "probe")["get"]

    assert found.doc == "One.\nTwo."
    assert found.params == ("a",)
    assert found.sql == b"select /* probe.get */ 'a\nb', -- it's :no\n  $1"


def test_every_problem_is_reported_at_once_with_line_source_and_hint() -> None:
    assert refused(WRONG).split("\nsql/") == [
        (
            "sql/queries/probe.sql:1: the statement is not closed\n"
            "    -- name: get\n"
            "    hint: end it with a semicolon"
        ),
        (
            "queries/probe.sql:4: 'Get-All' cannot be a name\n"
            "    -- name: Get-All\n"
            "    hint: use lower_case_words that are a valid name in Python"
        ),
        (
            "queries/probe.sql:8: a positional parameter\n"
            "    select $1;\n"
            "    hint: name it: :user_id instead of $1"
        ),
        (
            "queries/probe.sql:11: psql commands do not belong here\n"
            "    \\d users\n"
            "    hint: only SQL is sent to the server"
        ),
        (
            "queries/probe.sql:15: a quoted text or comment is never closed\n"
            "    select 'half, 2;\n"
            "    hint: close it; double a quote inside it"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "probe.sql:1: no statement in this file"),
        ("-- only a comment\n", "probe.sql:1: no statement in this file"),
        ("-- name: get\n", "probe.sql:1: no statement follows this name"),
        ("-- name: get\n;", "probe.sql:1: no statement follows this name"),
        ("-- name: get\nselect 1;\nselect 2;", "probe.sql:3: a second statement under one name"),
        ("-- name: a\nselect 1;\n-- name: a\nselect 2;", "probe.sql:3: a is already the name"),
        ("select 1;", "probe.sql:1: SQL before the first name"),
        ("-- name: a\nselect x[b:c];", r"probe.sql:2: a colon inside [ ] can be a slice"),
        ("-- name: class\nselect 1;", "probe.sql:1: 'class' cannot be a name"),
        ("-- name: naïve\nselect 1;", "probe.sql:1: 'naïve' cannot be a name"),
        ("-- name: \nselect 1;", "probe.sql:1: '' cannot be a name"),
        ("-- name: get one\nselect 1;", "probe.sql:1: 'get one' cannot be a name"),
    ],
)
def test_a_mistake_in_a_file_is_named(text: str, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    "heading", ["-- name get", "-- Name: get", "-- NAME:get", "-- @name: get", "-- name = get"]
)
def test_a_line_that_is_almost_a_heading_is_refused(heading: str) -> None:
    text = f"-- name: first\nselect 1;\n{heading}\nselect 2;"

    assert "probe.sql:3: an invalid heading" in refused(text)


def test_a_comment_that_begins_with_the_word_name_is_not_a_heading() -> None:
    assert list(parsed("-- name: get\n-- name and address, in this order.\nselect 1;")) == ["get"]


def test_problems_after_sql_before_the_first_name_are_reported_as_well() -> None:
    message = refused("select 1;\n-- name: get\nselect $1;\n")

    assert "probe.sql:1: SQL before the first name" in message
    assert "probe.sql:3: a positional parameter" in message


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(
        DeclarationError, match=r"sql/queries/nope\.sql does not exist, but queries"
    ):
        statements.load(find("oadb"), "nope")


def test_a_file_that_is_not_utf8_says_where(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "probe.sql").write_bytes(b"-- name: get\nselect '\xff';\n")

    with pytest.raises(DeclarationError, match="byte 21 is not UTF-8"):
        statements.load(Package("probe", tmp_path, "sql"), "probe")
