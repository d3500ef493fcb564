"""What runs beside a plan, as lines of the lock and of ``oadb explain``."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn, parse
from oadb.tools.dependencies import statement_uses
from oadb.tools.dependencies.uses import NotAsked, StatementUses
from oadb.tools.plans import unseen_plans, unseen_text, unseen_work
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Planned, Planner
from oadb.tools.plans.unseen_work import UnseenWork
from tests.support.declaring import declared

TABLES = """
create schema "a.b";
create table "a.b"."user" (user_id int primary key, name text unique);
create table "a.b".pets (
    pet_id int primary key, parent int references "a.b".pets on delete cascade,
    user_id int references "a.b"."user" on delete cascade on update cascade, name text
);
create table "a.b".toys (
    name text, pet_id int references "a.b".pets on delete set null,
    checked bool check (length(name) > 0)
);
create index pets_user_id_idx on "a.b".pets (user_id);
create index pets_parent_idx on "a.b".pets (parent);
create function "a.b".note() returns trigger language plpgsql as 'begin return null; end';
create function "a.b".shout(text) returns text language plpgsql as 'begin return upper($1); end';
create trigger notes_pets after delete on "a.b".pets execute function "a.b".note();
create trigger notes_users before update of name on "a.b"."user" for each row
when (new.name = 'x') execute function "a.b".note();
create trigger notes_toys after update of pet_id on "a.b".toys for each row
execute function "a.b".note();
create view "a.b".names as select name from "a.b"."user";
"""

PET_OF_USER = "searches a.b.pets in pets_user_id_idx: pets_user_id_fkey, on "
REMOVED_PET = [
    "    fires notes_pets of a.b.pets after delete: a.b.note",
    "    searches a.b.pets in pets_parent_idx: pets_parent_fkey, on delete cascade",
    "    searches all of a.b.toys: toys_pet_id_fkey, on delete set null",
    "        fires notes_toys of a.b.toys after update of each row that sets pet_id: a.b.note",
    "        looks up a.b.pets in pets_pkey: toys_pet_id_fkey, if pet_id changes",
]
BESIDE = {
    """insert into "a.b".toys values ('ball')""":
        ["looks up a.b.pets in pets_pkey: toys_pet_id_fkey"],
    """insert into "a.b"."user" values (1) on conflict do nothing""": [],
    """insert into "a.b"."user" values (1) on conflict (user_id) do update set name = 'x'""": [
        "may fire notes_users of a.b.user before update of each row that sets name: a.b.note",
    ],
    """update "a.b"."user" set user_id = 2""": [
        f"{PET_OF_USER}update cascade, if user_id changes",
        "    looks up a.b.user in user_pkey: pets_user_id_fkey, if user_id changes",
    ],
    """delete from "a.b"."user" """: [f"{PET_OF_USER}delete cascade", *REMOVED_PET],
    """update "a.b".pets set name = 'x'""": [],
    """select 1 from "a.b"."user" for update""": [],
    """with gone as (delete from "a.b".pets returning pet_id) select count(*) from gone""":
        [line.removeprefix("    ") for line in REMOVED_PET],
    """update "a.b".names set name = 'y'""": [
        "may fire notes_users of a.b.user before update of each row that sets name: a.b.note",
        f"{PET_OF_USER}update cascade, if user_id changes",
        "    looks up a.b.user in user_pkey: pets_user_id_fkey, if user_id changes",
    ],
}  # fmt: skip  # a table


@pytest.fixture(scope="module")
def zoo(url: str) -> Dsn:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
    return parse(url)


@pytest.fixture(scope="module")
def work(zoo: Dsn) -> UnseenWork:
    with Database(Config(zoo)) as db:
        return unseen_work.read(db)


@pytest.fixture(scope="module")
def trees(zoo: Dsn) -> dict[str, PlanNode]:
    with Planner.to(zoo) as planner:
        plans = {sql: planner.plan(declared(sql, None)) for sql in BESIDE}
    return {sql: each.tree for sql, each in plans.items() if isinstance(each, Planned)}


@pytest.fixture(scope="module")
def uses(zoo: Dsn) -> dict[str, StatementUses | NotAsked]:
    statements = [declared(sql, None).statement for sql in BESIDE]
    found = statement_uses.ask_statements(zoo, "rows", statements)
    return dict(zip(BESIDE, found, strict=True))


@pytest.mark.parametrize("sql", BESIDE)
def test_a_statement_has_the_triggers_and_keys_of_what_it_writes(
    work: UnseenWork,
    uses: dict[str, StatementUses | NotAsked],
    trees: dict[str, PlanNode],
    sql: str,
) -> None:
    assert [*unseen_plans.beside(work, uses[sql], trees[sql])] == BESIDE[sql]


@pytest.mark.parametrize("sql", [each for each in BESIDE if "update" not in each])
def test_of_what_is_no_update_a_plan_alone_says_as_much(
    work: UnseenWork, trees: dict[str, PlanNode], sql: str
) -> None:
    assert [*unseen_text.lines(work, unseen_text.of_tree(trees[sql]))] == BESIDE[sql]


def test_a_foreign_key_is_quoted_as_sql_needs_it(work: UnseenWork) -> None:
    (key,) = work.keys["a.b.toys"]

    assert key.quoted == 'constraint toys_pet_id_fkey on "a.b".toys'


def test_a_function_with_statements_of_its_own_is_called(zoo: Dsn) -> None:
    calls = """select length("a.b".shout('x')), kinds.NOISY(7) from "a.b".names"""
    with psycopg.connect(make_conninfo("", **zoo.keywords), autocommit=True) as connection:
        connection.execute("create schema kinds")
        connection.execute("create function kinds.noisy(int) returns int language sql return 1")

    with Database(Config(zoo)) as db:
        found = [*unseen_text.calls(db, declared(calls, None).statement)]

    assert found == ["calls a.b.shout, in plpgsql", "calls kinds.noisy, in sql"]
