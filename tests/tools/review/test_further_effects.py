"""What statements do through the foreign keys, triggers and functions of the schema of oadb."""

from dataclasses import replace

import pytest

from oadb.engine import dsn
from oadb.tools.dependencies.uses import StatementUses, TableUse
from oadb.tools.plans.unseen_work import FiredTrigger
from oadb.tools.review import server_questions
from oadb.tools.review.catalog_facts import RoutineText
from oadb.tools.review.further_effects import SchemaLinks


@pytest.fixture(scope="module")
def links(shared_url: str) -> SchemaLinks:
    return server_questions.read_schema(dsn.parse(shared_url), ["oadb"])[1]


def uses(table: str, command: str, *columns: str) -> StatementUses:
    named = frozenset(columns)
    written = {
        each: named if command == each else frozenset[str]() for each in ("insert", "update")
    }
    use = TableUse(
        f"oadb.{table}",
        frozenset({command}),
        inserts=written["insert"],
        updates=written["update"],
    )
    return StatementUses((use,), frozenset())


def effects(links: SchemaLinks, asked: StatementUses) -> dict[tuple[str, str], str]:
    return {(each.table, each.cause): each.effect for each in links.of_statement(asked)}


def test_an_insert_locks_the_row_that_it_refers_to(links: SchemaLinks) -> None:
    found = effects(links, uses("sessions", "insert", "user_id"))

    assert found["oadb.users", "foreign key sessions_user_id_fkey"] == (
        "locks the row of oadb.users that it refers to: FOR KEY SHARE"
    )


def test_an_update_locks_it_only_if_it_changes_the_key(links: SchemaLinks) -> None:
    key = ("oadb.users", "foreign key sessions_user_id_fkey")

    assert key in effects(links, uses("sessions", "update", "user_id"))
    assert key not in effects(links, uses("sessions", "update", "ends_at"))
    assert key not in effects(links, uses("sessions", "update"))  # a lock of rows


def test_a_delete_looks_for_rows_that_refer_to_it_and_in_the_tables_below(
    links: SchemaLinks,
) -> None:
    found = effects(links, uses("users", "delete"))

    assert found["oadb.sessions", "foreign key sessions_user_id_fkey"] == (
        "looks for rows of oadb.sessions by sessions_pkey, and deletes them"
    )
    cascaded = {
        key.quoted_table for key in links.foreign_keys if key.quoted_target == "oadb.strategies"
    }
    assert cascaded
    assert cascaded <= {table for table, _ in found}


def test_rows_that_refer_to_it_and_no_index_finds_are_looked_for_in_all_of_the_table(
    links: SchemaLinks,
) -> None:
    keys = [replace(each, index_name=None) for each in links.foreign_keys]
    found = effects(replace(links, foreign_keys=keys), uses("users", "delete"))

    assert "by reading all of it" in found["oadb.sessions", "foreign key sessions_user_id_fkey"]


def test_a_trigger_says_when_it_runs_and_what_it_writes_also_through_other_routines() -> None:
    trigger = FiredTrigger(
        "shop", "shop.orders", "noted", "after", ["update"], is_for_each_row=True,
        columns=["state"], is_conditional=False, function_name="shop.note",
        quoted_table="shop.orders", routine="shop.note()",
    )  # fmt: skip  # a row
    routines = [
        RoutineText(
            "shop.note()", "shop.note", "begin perform shop.add(1); -- update shop.no\nend"
        ),
        RoutineText("shop.add(bigint)", "shop.add", "insert into shop.notes (id) values ($1)"),
    ]
    links = SchemaLinks([], [trigger], routines)
    use = TableUse("shop.orders", frozenset({"update"}), updates=frozenset({"state"}))

    assert effects(links, StatementUses((use,), frozenset())) == {
        ("shop.orders", "trigger noted"): "after update of state, for each row: runs shop.note(), "
        "which writes shop.notes"
    }
    other = replace(use, updates=frozenset({"note"}))
    assert effects(links, StatementUses((other,), frozenset())) == {}


def test_a_function_that_a_statement_calls_is_told(links: SchemaLinks) -> None:
    called = StatementUses((), frozenset({"function oadb.is_sealed(bytea)"}))

    assert effects(links, called) == {
        ("", "function oadb.is_sealed(bytea)"): "writes no table by its text"
    }
