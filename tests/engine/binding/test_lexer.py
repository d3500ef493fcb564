"""The lexer distinguishes code from text: all quotes and comments of PostgreSQL, all colons."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oadb.engine.binding.lexer import tokens

# Fragments that are difficult for lexers; combined at random.
FRAGMENTS = [
    "'", "''", "e'", "E'\\'", "U&'", '"', 'u&"', "$$", "$a$", "$1", "$", "--", "/*", "*/", "\n",
    "\r\n", ":a", "::", ":=", "=>", ":", "[", "]", "(", ")", ";", "\\", "?", "%", "@>", "a", "é",
    "1.5", " ", "\0", "\ufeff", "🚀", "-- name: get\n",
]  # fmt: skip  # a table
texts = st.lists(st.sampled_from(FRAGMENTS)).map("".join) | st.text()


def placeholders(sql: str) -> list[str]:
    return [token.text for token in tokens(sql) if token.kind == "placeholder"]


def kinds(sql: str) -> list[str]:
    return [token.kind for token in tokens(sql) if token.kind != "space"]


@pytest.mark.long("many generated texts")
@given(texts)
@example("/* /* */")
@example("E'\\")
def test_tokens_joined_again_are_the_text(sql: str) -> None:
    found = list(tokens(sql))

    assert "".join(token.text for token in found) == sql
    assert all(sql.startswith(token.text, token.start) for token in found)
    assert all(token.text for token in found)


@pytest.mark.parametrize(
    "quoted",
    [
        "':a'",
        "'it''s :a'",
        r"'C:\a\:a\'",
        r"E'it\'s :a'",
        r"e'\\'':a'",
        "U&'\\0041 :a'",
        'U&":a"',
        '"a "" :a"',
        "$$ it's :a $$",
        "$tag$ $$ :a $tagg$ :a $tag$",
        "$é$ :a $é$",
        "'see\n-- name: foo\n:a'",
        "N':a'",
    ],
)
def test_a_colon_inside_quotes_is_text(quoted: str) -> None:
    assert placeholders(f"select {quoted}, :b") == [":b"]


@pytest.mark.parametrize(
    "continued", ["E'a'\n'it\\'s :a'", "E'a' -- it's\n  'it\\'s :a'"], ids=["lines", "comment"]
)
def test_an_escape_string_stays_one_on_the_next_line(continued: str) -> None:
    """The E is written "only before the first opening quote" (chapter 4.1.2.2)."""
    assert placeholders(f"select {continued}, :b") == [":b"]


@pytest.mark.parametrize(
    "comment",
    [
        "-- it's :a\n",
        '-- "quoted :a $$\n',
        "/* it's :a */",
        "/* :a /* :a */ it's :a */",
        "/* -- :a */",
        "/*/* :a */*/",
        "/**/",
    ],
)
def test_a_colon_or_an_apostrophe_inside_a_comment_means_nothing(comment: str) -> None:
    assert placeholders(f"select 1 {comment}, :b") == [":b"]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("x::text = :a::text", [":a"]),
        ("f(x := :a, y=>:b, z :=:c)", [":a", ":b", ":c"]),
        ("document ? :a or document ?| :b or document ?& :c", [":a", ":b", ":c"]),
        ("x % :a = 0 and y like 'a%' and z like :b", [":a", ":b"]),
        ("tags @> :a and tags <@:b and d->>:c", [":a", ":b", ":c"]),
        ("(:a)", [":a"]),
        ("array[:a, :b]", [":a", ":b"]),
        ("x[:a]", [":a"]),
        ("a$b$c = :d and e$b$ = :f", [":d", ":f"]),
        ("price*:a/:b-:c", [":a", ":b", ":c"]),
        (":größe", [":größe"]),
        (":a_1 + :a_2", [":a_1", ":a_2"]),
    ],
)
def test_a_colon_before_a_name_is_a_placeholder(sql: str, found: list[str]) -> None:
    assert placeholders(sql) == found


@pytest.mark.parametrize("sql", ["(array[1,2,3])[1:2]", "x[:2]", "x[1:]", "x[1::n]", "x[:]"])
def test_a_slice_or_a_cast_in_brackets_has_no_placeholder(sql: str) -> None:
    assert placeholders(sql) == []
    assert "ambiguous" not in kinds(sql)


def test_slices_with_placeholders_are_written_with_spaces() -> None:
    assert placeholders("x[:a : :b]") == [":a", ":b"]
    assert placeholders("x[1 : :b]") == [":b"]


@pytest.mark.parametrize("sql", ["x[low:high]", "x[1 :high]", "x[f(1):high]", "x['a' :b]"])
def test_a_colon_that_could_be_both_is_ambiguous(sql: str) -> None:
    assert "ambiguous" in kinds(sql)
    assert placeholders(sql) == []


@pytest.mark.parametrize("sql", ["'abc", '"abc', "$$ abc", "$a$ abc $b$", "/* /* */", "E'abc\\'"])
def test_a_quote_or_comment_without_an_end_is_unclosed(sql: str) -> None:
    assert "unclosed" in kinds(f"select {sql}")


def test_psql_commands_and_numbered_parameters_are_tokens_of_their_own() -> None:
    assert kinds(r"\d $1") == ["backslash", "word", "positional"]


def test_semicolons_inside_text_do_not_end_a_statement() -> None:
    assert kinds("select ';' /* ; */ -- ;\n, $$ ; $$;").count("semicolon") == 1
