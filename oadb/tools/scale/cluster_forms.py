"""The forms that Citus refuses on tables that are distributed or on all nodes, and what it takes.

Each was run on Citus 13.2: docs/scale.md has the list. A form is found in the text of a statement,
by the places of the tables that it names; where the text does not decide, it is found.
"""

from collections.abc import Callable
from dataclasses import dataclass

from oadb.tools.scale import changing_forms, reading_forms
from oadb.tools.scale.placed_sql import PlacedNames, PlacedSql
from oadb.tools.scale.query_blocks import SqlText


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """A form: its name, what is refused, and what is taken instead."""

    name: str
    refused: str
    taken: str
    is_in: Callable[[PlacedSql], bool]


FORMS = (
    RefusedForm(
        "time in a choice",
        "now(), or another function that is not immutable, in CASE or COALESCE of a change",
        "x is null or x > now(), least(x, now()), or a value that a CTE has chosen",
        changing_forms.chooses_by_time,
    ),
    RefusedForm(
        "time in a conflict",
        "now() in DO UPDATE SET",
        "excluded.x, with now() among the values",
        changing_forms.sets_time_in_conflict,
    ),
    RefusedForm(
        "sum of a time",
        "now() with a column added to it, or a column with an interval, in a change",
        "(now() at time zone 'UTC' + x) at time zone 'UTC', which needs no time zone of a session",
        changing_forms.adds_to_time,
    ),
    RefusedForm(
        "volatile in a change",
        "clock_timestamp(), random() and the like in an UPDATE or DELETE",
        "now(), a parameter, or a value that an INSERT in a CTE has returned",
        changing_forms.changes_by_volatile,
    ),
    RefusedForm(
        "time that is returned",
        "now() in RETURNING",
        "the change in a CTE, and now() in the SELECT from it; or the stored column",
        changing_forms.returns_time,
    ),
    RefusedForm(
        "subquery that is returned",
        "a subquery in RETURNING, which ends the server process",
        "the subquery in a statement of its own",
        changing_forms.returns_subquery,
    ),
    RefusedForm(
        "locked rows of shards",
        "FOR UPDATE or FOR SHARE of a distributed table without its column = a parameter",
        "rows that are compared again where they are changed; for a sweep, a locked row of "
        "oadb.claims",
        reading_forms.locks_rows,
    ),
    RefusedForm(
        "subquery as a value",
        "a subquery among the VALUES of an INSERT",
        "INSERT with a SELECT",
        changing_forms.inserts_subquery,
    ),
    RefusedForm(
        "empty SELECT",
        "EXISTS (SELECT FROM t)",
        "EXISTS (SELECT 1 FROM t)",
        reading_forms.selects_nothing,
    ),
    RefusedForm(
        "grouping sets of shards",
        "GROUPING SETS, ROLLUP, CUBE or GROUPING() over a distributed table",
        "its rows or sums in a CTE that is materialized, and the sets over that",
        reading_forms.groups_by_sets,
    ),
    RefusedForm(
        "SQL function with parameters",
        "a function in SQL that returns rows, beside a distributed table",
        "a function in PL/pgSQL, or one with SET search_path: neither becomes a part of the "
        "statement",
        reading_forms.calls_row_function,
    ),
    RefusedForm(
        "subquery for each row",
        "a subquery on a distributed table that names a row of a function, a CTE or another table",
        "a CTE that joins both, and a subquery on the CTE",
        reading_forms.asks_for_each,
    ),
    RefusedForm(
        "lateral aggregate",
        "an aggregate of a distributed table in a LATERAL subquery beside a CTE",
        "the distributed table's column = the parameter, again in the subquery",
        reading_forms.sums_beside,
    ),
    RefusedForm(
        "change of the coordinator in a SELECT",
        "an UPDATE or DELETE of a coordinator's table in a CTE of a SELECT that names a table of "
        "other nodes",
        "a change as the last command of the statement",
        changing_forms.changes_local_beside,
    ),
    RefusedForm(
        "CTE in a conflict",
        "ON CONFLICT that reads a CTE of the statement",
        "the expression of the CTE, written again",
        changing_forms.reads_cte_in_conflict,
    ),
    RefusedForm(
        "row that moves",
        "an UPDATE of the column that says which shard a row is on",
        "a DELETE and an INSERT",
        changing_forms.moves_rows,
    ),
    RefusedForm(
        "statistics",
        "ANALYZE or VACUUM of a table of other nodes, which a transaction would hold up",
        "autovacuum, or the command outside of a transaction",
        reading_forms.gathers_statistics,
    ),
)
"""All forms, in the order of docs/scale.md."""


def _binds_tables(sql: PlacedSql) -> bool:
    text = sql.text
    body = next((n for n in range(len(text.texts)) if text.at(n, "atomic")), len(text.texts))
    behind = range(body, len(text.texts))
    named = any(name in sql.names.tables for _, name in text.names(behind))
    return named or any(text.at(n, "regclass") for n in behind)


def _adds_constraint_beside(sql: PlacedSql) -> bool:
    text, level = sql.text, sql.text.blocks[0].level
    return (
        sql.is_placed
        and text.at(0, "alter", "table")
        and any(text.at(n, "add", "constraint") for n in level)
        and any(text.at(n, ",") for n in level)
    )


def _makes_role(sql: PlacedSql) -> bool:
    return sql.text.at(0, "create", "role") or sql.text.at(0, "create", "user")


def _asks_null_in_policy(sql: PlacedSql) -> bool:
    text = sql.text
    ends = (n for n in range(len(text.texts)) if text.at(n, ")", "is"))
    nulls = (text.at(n, ")", "is", "null") or text.at(n, ")", "is", "not", "null") for n in ends)
    return sql.is_placed and text.at(0, "create", "policy") and any(nulls)


MIGRATION_FORMS = (
    RefusedForm(
        "body that is bound early",
        "a function with BEGIN ATOMIC that names a table or a regclass",
        "a body in quotes, whose tables are looked for when it runs",
        _binds_tables,
    ),
    RefusedForm(
        "constraint beside others",
        "ADD CONSTRAINT with another subcommand in one ALTER TABLE",
        "an ALTER TABLE for each",
        _adds_constraint_beside,
    ),
    RefusedForm(
        "role of one node",
        "CREATE ROLE, which fails where a node has the role",
        "a block that looks in pg_roles first, as oadb.create_roles does",
        _makes_role,
    ),
    RefusedForm(
        "null in a policy",
        "CREATE POLICY with IS NULL or IS NOT NULL of an expression",
        "x is not distinct from null, which is stored as IS NULL",
        _asks_null_in_policy,
    ),
)
"""Those that only migrations have."""


def found_in_migration(text: SqlText, names: PlacedNames) -> list[RefusedForm]:
    """Return the refused forms of a statement of a migration, also those of any statement."""
    sql = PlacedSql(text, names)
    return [*found(text, names), *(form for form in MIGRATION_FORMS if form.is_in(sql))]


def found(text: SqlText, names: PlacedNames) -> list[RefusedForm]:
    """Return the refused forms that a statement has."""
    sql = PlacedSql(text, names)
    return [form for form in FORMS if form.is_in(sql)] if sql.is_placed else []
