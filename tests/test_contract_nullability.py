"""`oadb check` knows in which columns a statement may have nulls, or says nothing of a column."""

import re
from collections.abc import Callable, Iterator
from dataclasses import make_dataclass
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.testing.servers import Server
from oadb.tools.contract.comparison import disagreements
from oadb.tools.contract.padding import Padding
from tests.support.declaring import declared
from tests.support.rig import Observer

TABLES = """
create schema club;

create table club.members (
    member_id bigint primary key,
    name text not null,
    friend_id bigint
);

create table club.visits (
    member_id bigint not null,
    door text not null,
    came_at timestamptz not null
) partition by range (came_at);

create table club.visits_05 partition of club.visits
for values from ('2026-05-01 00:00:00Z') to ('2026-06-01 00:00:00Z');

create table club.visits_06 partition of club.visits
for values from ('2026-06-01 00:00:00Z') to ('2026-07-01 00:00:00Z');

create table club.fines (
    member_id bigint not null,
    door text not null
) partition by range (member_id);

create domain club.title as text not null;

create table club.rooms (
    door club.title
);

create materialized view club.doors as
select door from club.visits;

create view club.latest as
select distinct on (member_id)
    member_id,
    door
from club.visits
order by member_id, came_at desc;
"""

Nullable = Callable[[str], bool | None]


@pytest.fixture(scope="module")
def club_url(oadb_server: Server) -> Iterator[str]:
    with oadb_server.clone("template1") as url:
        Observer(url).rows(TABLES)
        yield url


@pytest.fixture
def nullable(club_url: str) -> Iterator[Nullable]:
    """Give what says of the column ``found`` whether it must be declared nullable; None: either."""
    with (
        Database.from_url(club_url) as db,
        psycopg.connect(club_url, autocommit=True) as connection,
    ):

        def agrees(sql: str, kind: Any) -> bool:
            row = make_dataclass("Row", [("found", kind)])
            takes = dict.fromkeys(re.findall(r"[^:]:(\w+)", sql), str)
            return disagreements(db, connection, declared(sql, list[row], **takes)) == []

        def ask(sql: str) -> bool | None:
            accepted = agrees(sql, str | None), agrees(sql, str)
            assert any(accepted)
            return None if all(accepted) else accepted[0]

        yield ask


@pytest.mark.parametrize("alias", ["members", "friends"])
def test_of_a_table_that_is_joined_to_itself_the_padded_side_may_be_null(
    nullable: Nullable, alias: str
) -> None:
    join = (
        "select {}.name as found from club.members "
        "left join club.members as friends on members.friend_id = friends.member_id"
    )

    assert nullable(join.format(alias)) is (alias == "friends")


@pytest.mark.parametrize(
    "join",
    [
        "club.members left join club.visits using (member_id)",
        "club.visits right join club.members using (member_id)",
        "club.members left join club.visits using (member_id) where came_at is null or true",
        "club.members left join club.visits on came_at > now()",
        "club.members left join lateral (select door from club.visits limit 2) as visits on true",
    ],
)
def test_an_outer_join_to_a_partitioned_table_makes_its_columns_nullable(
    nullable: Nullable, join: str
) -> None:
    statement = f"select {{}} as found from {join}"

    assert nullable(statement.format("visits.door")) is True
    assert nullable(statement.format("members.name")) is False


def test_rows_without_a_partner_are_padded(nullable: Nullable) -> None:
    join = (
        "select visits.door as found from club.members left join club.visits using (member_id) "
        "where visits.member_id is null"
    )

    assert nullable(join) is True


def test_a_partitioned_table_that_is_preserved_by_a_join_stays_as_it_is(
    nullable: Nullable,
) -> None:
    join = "select visits.door as found from club.visits left join club.members using (member_id)"

    assert nullable(join) is False


def test_nothing_is_said_of_a_table_that_has_no_partition_yet(nullable: Nullable) -> None:
    join = "select fines.door as found from club.members left join club.fines using (member_id)"

    assert nullable(join) is None


READ_TWICE = """
with seen as (
    select member_id, door from club.visits_05
)
select {} as found
from club.members
left join seen using (member_id)
left join seen as others on others.door > seen.door
"""


def test_an_expression_that_is_read_twice_pads_no_other_table(nullable: Nullable) -> None:
    assert nullable(READ_TWICE.format("members.name")) is False


@pytest.mark.parametrize("alias", ["seen", "others"])
def test_an_expression_that_an_outer_join_reads_is_nullable(nullable: Nullable, alias: str) -> None:
    assert nullable(READ_TWICE.format(f"{alias}.door")) is True


def test_nothing_is_said_of_what_an_outer_join_within_an_expression_may_pad(
    nullable: Nullable,
) -> None:
    statement = """
with pairs as materialized (
    select members.name, friends.name as friend
    from club.members
    left join club.members as friends on members.friend_id = friends.member_id
)
select {} as found from pairs
"""

    assert nullable(statement.format("friend")) is None
    assert nullable(statement.format("name")) is None


def test_nothing_is_said_of_an_expression_that_another_one_may_pad(nullable: Nullable) -> None:
    statement = """
with seen as materialized (
    select member_id, door from club.visits
),
pairs as materialized (
    select members.member_id, seen.door
    from club.members
    left join seen using (member_id)
)
select pairs.door as found from pairs
"""

    assert nullable(statement) is None


def test_an_outer_join_to_a_view_of_partitions_makes_its_columns_nullable(
    nullable: Nullable,
) -> None:
    join = "select latest.door as found from club.members left join club.latest using (member_id)"

    assert nullable(join) is True


def test_an_alias_may_be_any_name(nullable: Nullable) -> None:
    join = (
        'select "Their ""best"" friend".name as found from club.members left join club.members '
        'as "Their ""best"" friend" on members.friend_id = "Their ""best"" friend".member_id'
    )

    assert nullable(join) is True


@pytest.mark.parametrize(
    "grouping",
    ["rollup (members.name, door)", "cube (members.name, door)", "grouping sets ((name), (door))"],
)
def test_what_is_not_in_all_grouping_sets_may_be_null(nullable: Nullable, grouping: str) -> None:
    statement = (
        "select members.name as found from club.members "
        "inner join club.visits using (member_id) group by "
    )

    assert nullable(f"{statement}{grouping}") is True


def test_what_is_in_all_grouping_sets_is_as_nullable_as_before(nullable: Nullable) -> None:
    statement = (
        "select name as found from club.members group by grouping sets ((name, friend_id), (name))"
    )

    assert nullable(statement) is False


def test_a_table_without_a_join_has_nullable_grouping_sets_too(nullable: Nullable) -> None:
    assert nullable("select name as found from club.members group by rollup (name)") is True


def test_nothing_is_said_of_grouping_sets_within_another_query(nullable: Nullable) -> None:
    statement = "select found from ({}) as totals where total > 1".format(
        "select name as found, count(*) as total from club.members group by rollup (name) limit 9"
    )

    assert nullable(statement) is None


def test_a_column_of_a_domain_without_nulls_is_never_null(nullable: Nullable) -> None:
    assert nullable("select door as found from club.rooms") is False


def test_nothing_is_said_of_a_join_whose_parameters_refuse_nulls(nullable: Nullable) -> None:
    """The server cannot plan it without values; statements after it are compared as before."""
    join = (
        "select {}.door as found from club.rooms left join club.visits "
        "on rooms.door = visits.door and visits.door = :door::club.title"
    )

    assert nullable(join.format("rooms")) is None
    assert nullable("select name as found from club.members full join club.rooms on true") is True


def test_nothing_is_said_of_a_materialized_view_which_keeps_no_constraints(
    nullable: Nullable,
) -> None:
    assert nullable("select door as found from club.doors") is None


@pytest.mark.parametrize(("alias", "expected"), [("old", None), ("new", None), ("members", False)])
def test_nothing_is_said_of_former_and_later_states_of_rows(
    alias: str, expected: bool | None
) -> None:
    """Such as `returning old.name`, which PostgreSQL 18 knows; of an insertion there is none."""
    padding = Padding(
        {
            "Node Type": "ModifyTable",
            "Schema": "club",
            "Relation Name": "members",
            "Alias": "members",
            "Output": [f"{alias}.name"],
        }
    )

    assert padding.reaches(0, ["club.members"]) is expected
