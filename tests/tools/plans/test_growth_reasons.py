"""Reasons why a statement may grow: each is for the plan of a role and of those that share it."""

from dataclasses import replace

import pytest

from oadb.tools.plans.growth import Growth
from oadb.tools.plans.growth_reasons import unbounded
from tests.support.made_plans import planned

SERVICES = "grows: an administrator runs it."
IDENTITY = "grows (as oadb_user): few users have many."
BOTH = "grows: it is rare.\ngrows (as oadb_ro, oadb_user): people look there at night."


@pytest.mark.parametrize(
    ("comment", "roles"),
    [
        ("", [None, "oadb_user"]),
        (SERVICES, ["oadb_user"]),
        (IDENTITY, [None]),
        (f"{SERVICES}\n{IDENTITY}", []),
        (BOTH, ["oadb_ro"]),
    ],
)
def test_a_plan_of_another_role_needs_a_reason_of_its_own(
    comment: str, roles: list[str | None]
) -> None:
    plan = planned("oadb_app", "orders_pkey", Growth.LINEAR, comment=comment)
    other = planned("oadb_user", "orders_note_idx", Growth.SORTED, comment=comment)
    found = [*unbounded([replace(plan, others=(other,))])]

    assert [each.role for each in found] == roles


def test_what_is_found_names_the_role_and_the_line_that_it_needs() -> None:
    plan = planned("oadb_app", "orders_pkey", Growth.ASKED)
    other = planned("oadb_user", "orders_note_idx", Growth.LINEAR)
    (found,) = unbounded([replace(plan, others=(other,))])

    assert "as oadb_user grows like O(n): change it or its indexes" in str(found)
    assert str(found).endswith("say in its comment why it may: -- grows (as oadb_user): why")
