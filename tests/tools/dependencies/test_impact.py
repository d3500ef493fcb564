"""What depends on an object of a database."""

import pytest

from oadb.tools.dependencies import impact
from oadb.tools.dependencies.examination import Examination
from oadb.tools.usage import UsageError


def affected(examination: Examination, name: str) -> dict[str, tuple[str, ...]]:
    return {each.label: each.how for each in impact.of(examination, name).statements}


def dependents(examination: Examination, name: str) -> set[str]:
    return {f"{each.kind} {each.name}" for each in impact.of(examination, name).dependents}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "planted.goods.name",
            {"goods.find_by_name": ("reads",), "goods._rename": ("updates",)},
        ),
        ("planted.people.email", {"goods.list_emails": ("reads",)}),
        ("planted.emails", {"goods.list_emails": ("selects",)}),
        ("planted.people", {"goods.list_emails": ("selects",)}),
        ("planted.shout", {"goods.find_by_name": ("uses it",)}),
        ("planted.state", {"goods._sell": ("uses it",)}),
        ("planted.goods_name_idx", {"goods.find_by_name": ("plans with it",)}),
        ("planted.goods_forgotten_idx", {}),
        ('planted."odd (names"."x.y+("', {"goods.read_odd": ("reads",)}),
        ("planted.odd (names", {"goods.read_odd": ("selects",)}),
    ],
)
def test_statements_that_use_an_object(
    examination: Examination, name: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert affected(examination, name) == expected


def test_a_statement_has_its_place_and_its_callers(examination: Examination) -> None:
    (found,) = impact.of(examination, "planted.state").statements

    assert found.place == "planted/sql/queries/goods.sql:10"
    assert found.callers == ("planted/goods.py:46 (rename)",)


def test_other_objects_that_depend_on_a_column(examination: Examination) -> None:
    assert dependents(examination, "planted.people.email") == {
        "view planted.emails",
        "table constraint people_email_check on planted.people",
        "table column planted.people.email_key",
    }


def test_other_objects_that_depend_on_a_table(examination: Examination) -> None:
    assert dependents(examination, "planted.people") >= {
        "view planted.emails",
        "table constraint goods_owner_id_fkey on planted.goods",
        "table constraint people_pkey on planted.people",
    }


def test_triggers_indexes_and_grants_of_a_table(examination: Examination) -> None:
    assert dependents(examination, "planted.goods") >= {
        "trigger touches on planted.goods",
        "index planted.goods_name_idx",
        "grant oadb_app: delete planted.goods",
    }


def test_a_type_has_its_columns_and_a_function_its_trigger(examination: Examination) -> None:
    assert "table column planted.goods.state" in dependents(examination, "planted.state")
    assert "trigger touches on planted.goods" in dependents(examination, "planted.touch")


def test_a_constraint_is_found_by_its_name(examination: Examination) -> None:
    found = impact.of(examination, "planted.people_email_check")

    assert (found.kind, found.name) == ("table constraint", "people_email_check on planted.people")


@pytest.mark.parametrize("name", ["planted.people.emial", "emails", "planted.people.'; drop"])
def test_an_unknown_name_has_near_ones(examination: Examination, name: str) -> None:
    with pytest.raises(UsageError, match="is not there") as raised:
        impact.of(examination, name)

    assert "planted." in str(raised.value)
