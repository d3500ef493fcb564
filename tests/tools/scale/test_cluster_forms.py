"""Forms that a Citus cluster refuses are found in statements and migrations, without a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb.engine.binding import statements
from oadb.engine.binding.lexer import tokens
from oadb.engine.binding.packages import Package
from oadb.engine.binding.statements import Statement
from oadb.tools.plans import named_statements
from oadb.tools.scale import cluster_check, cluster_forms, layout_file, placed_names
from oadb.tools.scale.cluster_forms import FORMS, MIGRATION_FORMS, RefusedForm
from oadb.tools.scale.layout_file import TablePlacement
from oadb.tools.scale.placed_sql import PlacedNames
from oadb.tools.scale.query_blocks import SqlText
from tests.support.declared import OADB

REPOSITORY = Path(__file__).parents[3]
PLACES = {
    "shop.orders": TablePlacement("shop.orders", "distributed", "", by="customer_id"),
    "shop.lines": TablePlacement("shop.lines", "distributed", "", by="customer_id"),
    "shop.customers": TablePlacement("shop.customers", "reference", ""),
    "shop.totals": TablePlacement("shop.totals", "coordinator", ""),
}
NAMES = PlacedNames(PLACES, frozenset({"shop.spans"}))

REFUSED = {
    "time in a choice": [
        "update shop.orders set b = coalesce(b, now()) where customer_id = :c",
        "delete from shop.orders where customer_id = :c and case when a then b < now() end",
        (
            "insert into shop.orders as o (a) values (1) on conflict (a) do update set a = 2 "
            "where coalesce(o.b <= current_timestamp, true)"
        ),
    ],
    "time in a conflict": [
        "insert into shop.orders (a) values (:a) on conflict (a) do update set b = now()",
    ],
    "sum of a time": [
        "update shop.orders set b = now() + o.idle where customer_id = :c",
        "update shop.orders set b = now() + shop.wait(failures + 1, 5) where customer_id = :c",
        "update shop.orders set a = 1 where orders.b + interval '1 day' < now()",
        "delete from shop.orders where b - cast(:age as interval) < :until",
        "delete from shop.orders where b - :age::interval < :until",
    ],
    "volatile in a change": [
        "update shop.orders set b = clock_timestamp() where customer_id = :c",
        "with c as (select 1 from shop.customers) update shop.totals set id = gen_random_uuid()",
    ],
    "time that is returned": [
        "insert into shop.orders (a) values (1) returning now() as claimed_at",
        "update shop.orders set a = 1 where customer_id = :c returning b - now() as wait",
    ],
    "subquery that is returned": [
        (
            "insert into shop.totals (a) values (1) "
            "returning exists (select 1 from shop.orders where a = 2)"
        ),
    ],
    "locked rows of shards": [
        "select a from shop.orders where b < :until limit 5 for update skip locked",
        (
            "with due as (select a from shop.orders where b < now() for update skip locked) "
            "delete from shop.orders using due where orders.a = due.a"
        ),
        "delete from shop.orders where a in (select a from shop.orders limit 5 for no key update)",
    ],
    "subquery as a value": [
        "insert into shop.totals (a) values ((select id from shop.customers where name = :n))",
    ],
    "empty SELECT": [
        "select a from shop.orders where exists (select from shop.customers where id = :c)",
    ],
    "grouping sets of shards": [
        "select a, count(*) from shop.orders group by grouping sets ((a), ())",
        "select a, count(*) from (select a from shop.orders) as o group by rollup (a)",
    ],
    "SQL function with parameters": [
        "select s.a from shop.spans(:since) as s, shop.orders where orders.b > s.a",
    ],
    "subquery for each row": [
        (
            "select g.a from unnest(:ids::bigint[]) as g (a) "
            "where not exists (select 1 from shop.orders where orders.a = g.a)"
        ),
        (
            "select (select count(*) from shop.orders where orders.a = customers.id) "
            "from shop.customers"
        ),
    ],
    "lateral aggregate": [
        (
            "with page as (select id from shop.orders where customer_id = :c limit 5) "
            "select p.a from page cross join lateral (select count(lines.a) as a from shop.lines "
            "where lines.order_id = page.id) as p"
        ),
    ],
    "change of the coordinator in a SELECT": [
        "with t as (update shop.totals set a = 1 returning a) select a from t, shop.customers",
    ],
    "CTE in a conflict": [
        (
            "with asked as (select 1 as a from shop.customers) insert into shop.totals (a) "
            "select a from asked on conflict (a) do update set a = (select asked.a from asked)"
        ),
    ],
    "row that moves": ["update shop.orders set customer_id = :to where customer_id = :from_"],
    "statistics": ["analyze shop.orders"],
}

TAKEN = [
    "update shop.orders set b = now() where customer_id = :c and (b is null or b < now())",
    "update shop.orders set b = least(b, now()) where customer_id = :c",
    "update shop.orders set b = (now() at time zone 'UTC' + o.idle) at time zone 'UTC'",
    "update shop.orders set b = now() + cast(:age as interval), n = n + 1",
    "update shop.orders set b = now() - interval '1 day' where b < now() - :age::interval",
    (
        "insert into shop.orders as o (b) values (coalesce(:b, now())) on conflict (a) "
        "do update set b = excluded.b where o.b < now()"
    ),
    "insert into shop.totals (b) values (now()) on conflict (a) do update set b = now()",
    "with t as (update shop.orders set a = 1 returning b) select coalesce(b - now(), :x) from t",
    "select a from shop.orders where customer_id = :c for update",
    "select a from shop.totals limit 5 for update skip locked",
    "select id from shop.customers where id = :c for key share",
    "insert into shop.totals (a) select (select id from shop.customers where name = :n)",
    (
        "with o as materialized (select a from shop.orders) "
        "select a, count(*) from o group by grouping sets ((a), ())"
    ),
    "select a from shop.orders where customer_id = :c group by cube (a)",
    (
        "with f as (select g.a from unnest(:ids::bigint[]) as g (a) join shop.orders on o.a = g.a) "
        "select g.a from unnest(:ids::bigint[]) as g (a) where g.a not in (select f.a from f)"
    ),
    (
        "select o.a from shop.orders as o where exists (select 1 from shop.lines as l "
        "where l.customer_id = o.customer_id)"
    ),
    (
        "with page as (select id from shop.orders where customer_id = :c limit 5) "
        "select p.a from page cross join lateral (select array_agg(lines.a) as a from shop.lines "
        "where lines.customer_id = :c and lines.order_id = page.id) as p"
    ),
    (
        "with t as (update shop.totals set a = 1 returning a) "
        "insert into shop.totals (a) select a from t, shop.customers"
    ),
    "analyze shop.totals",
    "update shop.totals set a = coalesce(a, clock_timestamp()) returning now()",
]

REFUSED_IN_MIGRATIONS = {
    "body that is bound early": [
        (
            "create function shop.n() returns bigint language sql begin atomic "
            "select count(*) from shop.totals; end;"
        ),
        (
            "create procedure shop.p() language sql begin atomic "
            "select gin_clean_pending_list('shop.orders_idx'::regclass); end;"
        ),
    ],
    "constraint beside others": [
        "alter table shop.orders add column a text, add constraint c check (a <> '');",
    ],
    "role of one node": ["create role shop_app;"],
    "null in a policy": [
        "create policy p on shop.orders using (nullif(note, '') is null);",
        "create policy p on shop.orders using (coalesce(note, total::text) is not null);",
    ],
}

ALL = [(name, sql) for name, examples in REFUSED.items() for sql in examples]
IN_MIGRATIONS = [(name, sql) for name, sqls in REFUSED_IN_MIGRATIONS.items() for sql in sqls]


def found(sql: str) -> list[str]:
    return [form.name for form in cluster_forms.found(SqlText(tokens(sql)), NAMES)]


def test_each_form_has_an_example() -> None:
    assert [*REFUSED] == [form.name for form in FORMS]
    assert [*REFUSED_IN_MIGRATIONS] == [form.name for form in MIGRATION_FORMS]


@pytest.mark.planted("form", "a statement with a form that Citus refuses")
@pytest.mark.parametrize(("name", "sql"), ALL)
def test_a_refused_form_is_found(name: str, sql: str) -> None:
    assert found(sql) == [name]


@pytest.mark.planted("form", "a migration with a form that Citus refuses")
@pytest.mark.parametrize(("name", "sql"), IN_MIGRATIONS)
def test_a_refused_form_of_a_migration_is_found(name: str, sql: str) -> None:
    forms = cluster_forms.found_in_migration(SqlText(tokens(sql)), NAMES)

    assert [form.name for form in forms] == [name]


@pytest.mark.parametrize("sql", TAKEN)
def test_what_a_cluster_takes_is_no_finding(sql: str) -> None:
    assert found(sql) == []


@pytest.mark.parametrize(("name", "sql"), ALL)
def test_tables_of_the_coordinator_alone_may_have_any_form(name: str, sql: str) -> None:
    local = {each: TablePlacement(each, "coordinator", "") for each in PLACES}

    assert not cluster_forms.found(SqlText(tokens(sql)), PlacedNames(local)), name


def bare(package: Package) -> Iterator[Statement]:
    """Yield each statement with all of its marked lines, and with none."""
    for place in package.places():
        for each in statements.load(package, place).values():
            yield each
            if each.marked:
                yield each.variant([], "")


def test_no_statement_of_oadb_has_a_refused_form() -> None:
    names = placed_names.read(OADB)
    assert names is not None

    refused = {
        each.label: [form.name for form in forms]
        for each in bare(OADB)
        if (forms := cluster_forms.found(SqlText(each.parts), names))
    }

    assert refused == {}


@pytest.mark.long("each of 900 variants")
def test_no_variant_of_oadb_has_a_refused_form() -> None:
    names = placed_names.read(OADB)
    assert names is not None

    refused = {
        each.statement.label
        for each in named_statements.every([OADB])
        if cluster_forms.found(SqlText(each.statement.statement.parts), names)
    }

    assert refused == set()


def test_no_later_migration_of_oadb_has_a_refused_form() -> None:
    names = placed_names.read(OADB)
    assert names is not None

    after = layout_file.judged_after(OADB)

    assert after == "0067_key_logs_by_user"
    assert [*cluster_check.of_migrations(OADB, names, after)] == []
    assert any("0014_" in each for each in cluster_check.of_migrations(OADB, names, ""))


def test_views_are_where_their_tables_are() -> None:
    names = placed_names.read(OADB)
    assert names is not None

    assert names.tables["oadb.latency_parts"].placement == "distributed"
    assert names.tables["oadb.strategies_with_mappings"].by == "user_id"
    assert names.tables["oadb.active_ip_bans"].placement == "coordinator"


@pytest.mark.parametrize("forms", [FORMS, MIGRATION_FORMS])
def test_the_document_has_the_table_of_forms(forms: tuple[RefusedForm, ...]) -> None:
    rows = [f"| {each.refused} | {each.taken} |" for each in forms]

    table = "\n".join(["| refused | taken |", "| --- | --- |", *rows])

    assert table in (REPOSITORY / "docs/scale.md").read_text(), table
