"""Errors of Citus name shards; what decides by a name knows them."""

import ast
from pathlib import Path

import pytest
from psycopg import errors
from psycopg.pq import DiagnosticField

import oadb
from oadb.engine.constraint_errors import constraint_of, table_of
from oadb.engine.failures import scrubbed
from oadb.errors import ConflictError, ParameterError

# What a worker says, which has no other field: message, and then table, constraint and the error.
SAID = {
    "23505": (
        'duplicate key value violates unique constraint "users_email_lower_key_102008"',
        ("", "users_email_lower_key", "email", "unique in any letter case"),
    ),
    "23514": (
        'new row for relation "rooms_102009" violates check constraint "rooms_name_check_102009"',
        ("rooms", "rooms_name_check", "name", "a value that this constraint allows"),
    ),
    "23503": (
        (
            'insert or update on table "api_keys_102010" violates foreign key constraint '
            '"api_keys_user_id_fkey_102010"'
        ),
        ("api_keys", "api_keys_user_id_fkey", "user_id", "that of an existing row"),
    ),
    "23502": (
        'null value in column "email" of relation "users_102008" violates not-null constraint',
        ("users", "", "email", "given, and not null"),
    ),
}


def reported(state: str, message: str) -> errors.Error:
    info: dict[int, bytes | None] = {
        DiagnosticField.SQLSTATE: state.encode(),
        DiagnosticField.MESSAGE_PRIMARY: message.encode(),
    }
    return errors.lookup(state)(message, info=info)


@pytest.mark.parametrize("state", SAID)
def test_the_message_of_a_worker_names_table_constraint_and_field(state: str) -> None:
    message, (table, name, field, limit) = SAID[state]
    error = reported(state, message)

    assert (table_of(error), constraint_of(error)) == (table, name)
    refused = scrubbed(error, "users.create")
    assert isinstance(refused, (ParameterError, ConflictError))
    assert (refused.field, refused.constraint) == (field, name)
    assert str(refused).startswith(f"users.create: {field} must be {limit}")


def test_other_languages_have_other_quotation_marks() -> None:
    for named in ("»users_email_key_102008«", "« users_email_key_102008 »"):
        error = reported("23505", f"doppelter Schlüsselwert verletzt {named}")
        assert constraint_of(error) == "users_email_key"


def test_a_partition_without_a_constraint_and_other_errors_name_none() -> None:
    missing = reported("23514", 'no partition of relation "api_logs_102031" found for row')
    assert (table_of(missing), constraint_of(missing)) == ("api_logs", "")
    other = reported("42P01", 'relation "users_102008" does not exist')
    assert (table_of(other), constraint_of(other)) == ("", "")


@pytest.mark.long("parses each module")
def test_only_one_module_reads_the_names_of_tables_and_constraints_in_errors() -> None:
    found = {
        path.name
        for path in Path(oadb.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and reads_a_name(node)
    }

    assert found == {"constraint_errors.py"}


def reads_a_name(node: ast.Attribute) -> bool:
    of_diagnosis = getattr(node.value, "attr", getattr(node.value, "id", "")) == "diag"
    return node.attr == "constraint_name" or (of_diagnosis and node.attr == "table_name")
