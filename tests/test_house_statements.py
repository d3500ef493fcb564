"""Rules over all statements: order, columns, and whose rows they touch."""

import re
from functools import cache

import psycopg
import pytest

from oadb.engine.binding import statements
from oadb.engine.binding.lexer import Token
from oadb.engine.binding.statements import Statement
from tests.support.declared import OADB
from tests.support.ownership import owned_relations


@cache
def all_statements() -> list[Statement]:
    places = OADB.places()
    return [statement for place in places for statement in statements.load(OADB, place).values()]


def code(statement: Statement) -> list[Token]:
    return [part for part in statement.parts if part.kind not in {"space", "comment"}]


def unordered_limits(statement: Statement) -> int:
    """Count the LIMITs whose own SELECT has no ORDER BY before them."""
    ordered, found = [False], 0
    for token in code(statement):
        word = token.text.lower()
        if word == "(":
            ordered.append(False)
        elif word == ")":
            ordered.pop()
        elif token.kind == "word" and word == "order":
            ordered[-1] = True
        elif token.kind == "word" and word in {"limit", "fetch"}:
            found += not ordered[-1]
    return found


def test_every_limit_has_an_order() -> None:
    assert [statement.label for statement in all_statements() if unordered_limits(statement)] == []


def test_a_limit_without_an_order_would_be_noticed() -> None:
    text = "-- name: get\nselect a from (select b from c order by d) as e limit 1;"

    assert unordered_limits(statements.parse(text, "x", "x.sql")["get"]) == 1


def has_unnamed_columns(statement: Statement) -> bool:
    texts = [token.text.lower() for token in code(statement)]
    before = {"select", "returning", ",", ".", "distinct"}
    return any(text == "*" and texts[n - 1] in before for n, text in enumerate(texts))


def test_every_column_is_named() -> None:
    assert [
        statement.label for statement in all_statements() if has_unnamed_columns(statement)
    ] == []


def tables_in(statement: Statement) -> set[str]:
    """Return the tables of oadb that a statement names."""
    texts = [token.text for token in code(statement)]
    return {
        c for a, b, c in zip(texts, texts[1:], texts[2:], strict=False) if (a, b) == ("oadb", ".")
    }


SCOPE = re.compile(r"^scope: all users \(.{5,}\)$", re.MULTILINE)


def is_owned(statement: Statement, owned: set[str]) -> bool:
    """Say whether a statement on a table of a user says which user, or why it does not."""
    is_free = not tables_in(statement) & owned or SCOPE.search(statement.doc) is not None
    return is_free or "user_id" in statement.variant((), "").params  # in all of its variants


@pytest.fixture(scope="module")
def owned(shared_url: str) -> set[str]:
    """Give the tables with user_id in their primary key, and the views that read them."""
    with psycopg.connect(shared_url) as connection:
        return {*owned_relations(connection)}


def test_what_belongs_to_a_user_is_touched_for_that_user_alone(owned: set[str]) -> None:
    assert {"users", "strategies_with_mappings"} <= owned
    assert [
        statement.label for statement in all_statements() if not is_owned(statement, owned)
    ] == []


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("select 1 from oadb.users", False),
        ("select 1 from oadb.users where user_id = :user_id", True),
        ("select ':user_id' from oadb.users", False),
        ("-- scope: all users\nselect 1 from oadb.users", False),
        ("-- scope: all users (a sweep)\nselect 1 from oadb.users", True),
        ("select 1 from oadb.others", True),
        ("select 1 from oadb.strategies_with_mappings", False),
        ("select 1 from oadb.strategies_with_mappings where user_id = :user_id", True),
        ("select 1 from oadb.users where true\n  and user_id = :user_id --? user_id\n", False),
    ],
)
def test_a_statement_on_all_users_would_be_noticed(text: str, fine: bool, owned: set[str]) -> None:
    statement = statements.parse(f"-- name: get\n{text};", "x", "x.sql")["get"]

    assert is_owned(statement, owned) is fine
