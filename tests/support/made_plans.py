"""Plans that no server made, for tests of what is said of plans."""

from oadb.tools.plans.growth import Extent, Growth, JudgedNode
from oadb.tools.plans.plan_tree import PlanJson, PlanNode, read
from oadb.tools.plans.scaled_plans import ScaledPlan
from tests.support.declaring import declared


def scan(index: str) -> PlanNode:
    """Return a plan that reads one index."""
    found: PlanJson = {"Node Type": "Index Scan", "Schema": "shop", "Relation Name": "orders"}
    return read({**found, "Index Name": index, "Total Cost": 8.0, "Plan Rows": 1}, {})


def planned(role: str, index: str, growth: Growth, *hazards: str, comment: str = "") -> ScaledPlan:
    """Return the plan of a statement as a role, at all scales."""
    tree = scan(index)
    judged = JudgedNode(tree, Extent.SOME, growth, hazards, ())
    statement = declared("select 1 as n", list[int], comment=comment)
    return ScaledPlan(statement, {}, role, True, (tree, tree, tree), judged, {})
