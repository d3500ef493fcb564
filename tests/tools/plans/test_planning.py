"""Plans of declared statements, as trees: for any values, for some, as roles and users."""

from collections.abc import Iterator

import psycopg
import pytest

from oadb.accounts import sessions, users
from oadb.engine import dsn
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.errors import ParameterError
from oadb.logs import partitions
from oadb.market import instruments
from oadb.testing.chosen_layout import is_cluster
from oadb.tools.contract import comparison
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Planned, Planner, Unplanned, statements
from oadb.tools.usage import UsageError
from tests.support.declaring import declared

BY_LABEL = {
    statement.label: statement
    for queries in comparison.declarations(find("oadb"))
    for declared in queries
    for statement in statements(declared)
}
LIST_REQUESTS = BY_LABEL["traffic._list_requests +since +until"]


@pytest.fixture(scope="module")
def planner(url: str) -> Iterator[Planner]:
    with Planner.to(dsn.parse(url)) as planner:
        yield planner


def planned(planned: Planned | Unplanned) -> Planned:
    assert isinstance(planned, Planned), planned
    return planned


def test_every_variant_and_form_has_a_label_of_its_own() -> None:
    labels = [
        statement.label
        for queries in comparison.declarations(find("oadb"))
        for declared in queries
        for statement in statements(declared)
    ]

    assert len(labels) == len(BY_LABEL) > 800


def test_a_plan_names_its_index_and_what_it_looks_for_in_it(planner: Planner) -> None:
    node = planned(planner.plan(users.get)).tree

    assert (node.kind, node.relation, node.index) == ("Index Scan", "oadb.users", "users_pkey")
    assert node.condition == "(users.user_id = $1)"
    assert node.rows == 1
    assert node.total_cost > node.startup_cost > 0


def test_a_plan_for_values_has_the_values(planner: Planner) -> None:
    values = {"user_id": "7"}

    assert "'7'" in str(planned(planner.plan(users.get, values)).tree.condition)
    assert "$1" in str(planned(planner.plan(users.get, values, for_any=True)).tree.condition)


def test_both_plans_of_a_statement_are_made_at_once(planner: Planner) -> None:
    for_any, custom = planner.plan_both(users.get, {"user_id": "7"})

    assert planned(for_any).is_generic
    assert "$1" in str(planned(for_any).tree.condition)
    assert not planned(custom).is_generic
    assert "'7'" in str(planned(custom).tree.condition)


def test_of_both_plans_one_may_be_refused(planner: Planner) -> None:
    divides = declared("select 1 / :n from oadb.users", list[int], n=int)

    for_any, custom = planner.plan_both(divides, {"n": "0"})

    assert isinstance(for_any, Planned)
    assert isinstance(custom, Unplanned)
    assert "division by zero" in str(custom)
    with pytest.raises(UsageError, match="user_id is int"):
        planner.plan_both(users.get, {"user_id": "seven"})


def asked(tree: PlanNode) -> str:
    """Return what a plan asks of rows, in an index and behind it."""
    return " ".join(f"{node.condition} {node.filter}" for node in tree.walk())


def test_partitions_are_named_by_their_table_and_so_are_their_indexes(planner: Planner) -> None:
    if is_cluster():  # workers plan partitions, for values
        said = (
            "traffic._list_requests +since +until: a cluster makes no plan of it for any values; "
        )
        assert str(planner.plan(LIST_REQUESTS)) == f"{said}give some"
        return
    tree = planned(planner.plan(LIST_REQUESTS)).tree

    assert tree.tables == {"oadb.traffic"}
    assert tree.indexes <= {"traffic_pkey", "traffic_logged_at_idx"}
    assert len({node.partition for node in tree.walk() if node.relation}) > 1


def test_values_leave_out_partitions_and_a_plan_for_any_says_how_many(planner: Planner) -> None:
    values = {"since": "2000-01-01", "until": "2000-01-02", "rows": "10"}
    chosen = planned(planner.plan(LIST_REQUESTS, values)).tree
    if is_cluster():  # as above
        assert "Custom Scan" in {node.kind for node in chosen.walk()}
        return
    started = planned(planner.plan(LIST_REQUESTS, values, for_any=True)).tree
    every = planned(planner.plan(LIST_REQUESTS)).tree

    assert len([*every.walk()]) > len([*chosen.walk()])
    assert sum(node.removed_parts for node in started.walk()) > 0


def test_what_an_insert_looks_in_for_conflicts_is_an_index_of_its_plan(planner: Planner) -> None:
    tree = planned(planner.plan(BY_LABEL["ip_bans._put"])).tree

    assert "ip_bans_pkey" in tree.indexes


@pytest.mark.parametrize(
    ("statement", "reason"), [(instruments.export_csv, "copy"), (partitions.make, "utility")]
)
def test_what_has_no_plan_says_why(planner: Planner, statement: Declaration, reason: str) -> None:
    found = planner.plan(statement)

    assert isinstance(found, Unplanned)
    assert found.reason == reason
    assert str(found).startswith(statement.label)


@pytest.mark.long("plans all statements")
def test_every_other_statement_has_a_plan(planner: Planner) -> None:
    found = [planner.plan(statement) for statement in BY_LABEL.values()]

    assert {each.reason for each in found if isinstance(each, Unplanned)} == {"copy", "utility"}


def test_a_value_of_another_type_is_named_with_its_parameter(planner: Planner) -> None:
    values = {"rows": "10", "since": "2000-01-01", "until": "it's \\ no time"}

    with pytest.raises(UsageError, match=r"\+until: until is datetime .*no time"):
        planner.plan(LIST_REQUESTS, values)


def test_an_identity_plans_within_its_wall(planner: Planner) -> None:
    with planner.acting(user_id=7):
        listed = planned(planner.plan(sessions.list_by_user)).tree
        refused = planner.plan(BY_LABEL["smtp_settings.get"])
        found = planned(planner.plan(users.get)).tree

    assert "oadb.user_id" in asked(listed)
    assert "oadb.user_id" in asked(found)
    assert isinstance(refused, Unplanned)
    assert "oadb.user_id" not in asked(planned(planner.plan(users.get)).tree)


def test_a_role_without_privileges_gets_none_and_the_next_statement_a_plan(
    planner: Planner,
) -> None:
    with planner.acting(role="oadb_log"):
        refused = [planner.plan(users.get), planner.plan(users.get)]
        recorded = planner.plan(BY_LABEL["login_audit._record"])

    assert all(isinstance(each, Unplanned) and each.reason == "privilege" for each in refused)
    assert isinstance(recorded, Planned)


def test_a_role_that_is_not_there_and_an_id_of_nobody_are_refused(planner: Planner) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue), planner.acting(role='no" one'):
        pass
    with pytest.raises(ParameterError), planner.acting(user_id=0):
        pass
    assert isinstance(planner.plan(users.get), Planned)


def test_a_table_that_is_missing_is_a_reason(oadb_empty_url: str) -> None:
    with Planner.to(dsn.parse(oadb_empty_url)) as planner:
        found = planner.plan(users.get)

    assert isinstance(found, Unplanned)
    assert found.reason == "missing"


def test_what_is_analyzed_is_measured(planner: Planner) -> None:
    with planner.acting():
        found = planned(planner.plan(users.get, {"user_id": "7"}, analyze=True))

    assert found.execution_ms is not None
    assert found.tree.measured is not None
    assert found.tree.measured.rows == 0
    assert found.tree.measured.loops == 1
