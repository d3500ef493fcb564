"""The plans of a statement in the book, also those of other roles, which policies make others."""

from dataclasses import replace

from oadb.tools.plans.growth import Growth
from oadb.tools.review import plan_reviews
from tests.support.made_plans import planned


def test_the_plan_of_another_role_stands_beside_that_of_services() -> None:
    other = planned("oadb_user", "orders_note_idx", Growth.LINEAR, "reads all partitions")
    plan = planned("oadb_app", "orders_pkey", Growth.LOGARITHMIC)
    (found,) = plan_reviews.review([replace(plan, alike=("oadb_ro",), others=(other,))])
    (beside,) = found.others

    assert found.roles == ("oadb_app", "oadb_ro")
    assert (found.growth, beside.role, beside.growth) == ("O(log n)", "oadb_user", "O(n)")
    assert beside.indexes == ("orders_note_idx",)
    assert beside.hazards == ("reads all partitions",)
    assert "index orders_note_idx" in beside.svg


def test_of_many_forms_the_plans_of_a_role_that_look_the_same_are_drawn_once() -> None:
    other = planned("oadb_user", "orders_note_idx", Growth.LINEAR)
    plan = replace(planned("oadb_app", "orders_pkey", Growth.ASKED), others=(other,))
    drawn = [each.others[0].svg != "" for each in plan_reviews.review([plan, plan])]

    assert drawn == [True, False]
