"""What `oadb distribute` would do, and refuse, from what a cluster says of itself."""

from dataclasses import replace

import pytest

from oadb.tools.scale import cluster_plan
from oadb.tools.scale.cluster_catalog import (
    CitusTable,
    ClusterNode,
    ClusterState,
    Coordinator,
    RoleFault,
    RoleSetting,
    WorkerAnswer,
)
from oadb.tools.scale.layout_file import TablePlacement

ORDERS = TablePlacement("shop.orders", "distributed", "every statement names the customer", by="id")
LINES = TablePlacement(
    "shop.lines", "distributed", "is joined with orders", by="id", beside="shop.orders"
)
PRICES = TablePlacement("shop.prices", "reference", "is joined everywhere")
CARTS = TablePlacement("shop.carts", "reference", "is joined", kept_back="its trigger writes")
JOBS = TablePlacement("shop.jobs", "coordinator", "is locked in one place")
LAYOUT = {each.table: each for each in (JOBS, LINES, CARTS, ORDERS, PRICES)}

COORDINATOR = Coordinator(
    is_coordinator=True,
    database_name="shop",
    propagated_settings="local",
    server_version=15,
    has_separate_roles=True,
    has_log_writer=True,
)
NODES = [
    ClusterNode("here:5432", is_coordinator=True, is_active=True, takes_shards=False),
    ClusterNode("there:5432", is_coordinator=False, is_active=True, takes_shards=True),
]
ANSWER = WorkerAnswer("there:5432", is_answered=True, answer="15 13.2-1", messages="C")
READY = ClusterState(
    citus_version="13.2-1",
    coordinator=COORDINATOR,
    nodes=NODES,
    answers=[ANSWER],
    role_faults=[],
    closed_workers=[],
    lacks_grants=False,
    missing_settings=[],
    tables=[],
    local_functions=["shop.price_of(bigint)"],
)


def kept(
    name: str, placement: str = "distributed", by: str = "id", colocation: int = 1
) -> CitusTable:
    return CitusTable(name, placement, by, colocation, has_rows_here=False)


PLACED = [
    kept("shop.orders"),
    kept("shop.lines"),
    kept("shop.prices", "reference", "", 2),
    kept("shop.jobs", "coordinator", "", 0),
]


def taken(state: ClusterState) -> list[str]:
    return [f"{step.kind} {step.name}" for step in cluster_plan.steps(LAYOUT, state)]


def test_functions_and_references_come_first_then_tables_that_others_are_beside() -> None:
    assert taken(READY) == [
        "function shop.price_of(bigint)",
        "reference shop.prices",
        "distribute shop.orders",
        "drop rows shop.orders",
        "distribute shop.lines",
        "drop rows shop.lines",
        "grant oadb",
        "let in oadb_user",
    ]


def test_a_run_that_was_stopped_goes_on_where_it_was() -> None:
    moved = replace(kept("shop.orders"), has_rows_here=True)
    state = replace(READY, tables=[moved, kept("shop.prices", "reference", "", 2)])

    assert taken(state)[1:3] == ["drop rows shop.orders", "distribute shop.lines"]


def test_nothing_is_left_of_a_cluster_that_fits_until_a_worker_is_added() -> None:
    fits = replace(READY, tables=PLACED, local_functions=[])

    assert taken(fits) == []
    assert taken(replace(fits, lacks_grants=True)) == ["grant oadb"]
    assert taken(replace(fits, closed_workers=["new:5432"])) == ["let in oadb_user"]


def test_a_role_that_writes_logs_is_given_its_settings_after_all_that_must_be_done() -> None:
    lacking = [RoleSetting("shop_log", "citus.multi_shard_modify_mode", "sequential")]
    fits = replace(READY, tables=PLACED, local_functions=[], missing_settings=lacking)

    assert [str(step) for step in cluster_plan.steps(LAYOUT, fits)] == [
        "set citus.multi_shard_modify_mode = sequential for shop_log, which writes logs"
    ]
    assert taken(replace(READY, missing_settings=lacking))[-2:] == [
        "let in oadb_user",
        "setting shop_log",
    ]


def test_a_cluster_that_is_ready_has_no_obstacle() -> None:
    assert [*cluster_plan.obstacles(READY)] == []
    assert [*cluster_plan.misplaced(LAYOUT, replace(READY, tables=PLACED))] == []


SILENT = replace(ANSWER, is_answered=False, answer="connection refused", messages="")
OLD = replace(ANSWER, answer="15 12.1-1")
GERMAN = replace(ANSWER, messages="de_DE.UTF-8")


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (
            replace(READY, coordinator=replace(COORDINATOR, is_coordinator=False)),
            "give the DATABASE_URL of the coordinator",
        ),
        (replace(READY, citus_version="12.1-1"), "Citus 12.1-1 is older than 13"),
        (replace(READY, nodes=NODES[1:]), "citus_set_coordinator_host"),
        (replace(READY, nodes=NODES[:1]), "citus_add_node"),
        (replace(READY, nodes=[NODES[0], replace(NODES[1], is_active=False)]), "there:5432 is not"),
        (replace(READY, answers=[SILENT]), "there:5432 does not answer: connection refused"),
        (replace(READY, answers=[OLD]), "15 12.1-1, this server 15 13.2-1"),
        (replace(READY, answers=[GERMAN]), "there:5432 says in de_DE.UTF-8 why it refuses a row"),
        (
            replace(READY, role_faults=[RoleFault("there:5432", "oadb_app", "is missing")]),
            "the role oadb_app is missing on there:5432",
        ),
        (
            replace(READY, coordinator=replace(COORDINATOR, propagated_settings="none")),
            "alter database shop set citus.propagate_set_commands",
        ),
        (
            replace(READY, coordinator=replace(COORDINATOR, has_separate_roles=False)),
            "call oadb.create_roles()",
        ),
        (
            replace(READY, coordinator=replace(COORDINATOR, has_log_writer=False)),
            "create role NAME login bypassrls in role oadb_log",
        ),
    ],
)
def test_a_cluster_that_is_not_ready_is_refused_and_says_what_to_do(
    state: ClusterState, named: str
) -> None:
    assert any(named in each for each in cluster_plan.obstacles(state))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (kept("shop.jobs"), "shop.jobs is distributed, and its place is: coordinator"),
        (kept("shop.carts", "reference", ""), "shop.carts is reference, and its place is: coord"),
        (kept("shop.prices", "other", ""), "shop.prices is of a kind that no layout has"),
        (kept("shop.orders", by="day"), "shop.orders is distributed by day, and should be by id"),
        (kept("shop.lines", colocation=9), "shop.lines is not beside shop.orders"),
        (kept("shop.notes"), "shop.notes is in no layout; select undistribute_table('shop.notes')"),
    ],
)
def test_a_table_that_is_placed_otherwise_is_refused_by_its_name(
    table: CitusTable, named: str
) -> None:
    others = [each for each in PLACED if each.name != table.name]
    state = replace(READY, tables=[*others, table])

    assert [named in each for each in cluster_plan.misplaced(LAYOUT, state)] == [True]


def test_tables_of_other_schemas_are_nobodys_business() -> None:
    state = replace(READY, tables=[*PLACED, kept("else.where")])

    assert [*cluster_plan.misplaced(LAYOUT, state)] == []
