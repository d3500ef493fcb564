"""Wider types and conditions are known from narrower ones; what is not known is narrower."""

import pytest

from oadb.tools.compat.widening import accepts_all, accepts_type


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("integer", "bigint"),
        ("smallint", "numeric"),
        ("character varying(8)", "character varying(20)"),
        ("character varying(8)", "text"),
        ("numeric(10,2)", "numeric(12,4)"),
        ("numeric(10,2)", "numeric"),
        ("timestamp with time zone", "timestamp with time zone"),
    ],
)
def test_a_type_that_takes_all_values_is_wider(before: str, after: str) -> None:
    assert accepts_type(before, after)
    assert before == after or not accepts_type(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bigint", "text"),
        ("numeric(10,2)", "numeric(10,4)"),
        ("text[]", "character varying[]"),
        ("shop.state", "shop.states"),
        ("integer", "numeric(4,0)"),
    ],
)
def test_a_type_that_may_take_fewer_values_is_not_wider(before: str, after: str) -> None:
    assert not accepts_type(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK (a > 0)", "CHECK (a > 0) NOT VALID"),
        ("CHECK (a > 10)", "CHECK (a > 5)"),
        ("CHECK (length(a) <= 10)", "CHECK (length(a) <= 50)"),
        ("CHECK (a >= 1 AND a < 10)", "CHECK (a >= 0 AND a < 11)"),
        ("CHECK (a = ANY (ARRAY['x'::text]))", "CHECK (a = ANY (ARRAY['y'::text, 'x'::text]))"),
        ("CHECK (a > 0)", "CHECK (a > 0 OR b IS NULL)"),
    ],
)
def test_a_condition_that_holds_wherever_the_other_does_is_wider(before: str, after: str) -> None:
    assert accepts_all(before, after)
    assert "NOT VALID" in after or not accepts_all(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK (a > 0)", "CHECK (b > 0)"),
        ("CHECK (a <> 5)", "CHECK (a <> 6)"),
        ("CHECK (a <> 6)", "CHECK (a <> 5)"),
        ("CHECK (b > a -> 6)", "CHECK (b > a -> 5)"),
        ("CHECK (a < 5 * b)", "CHECK (a < 6 * b)"),
        ("CHECK (NOT a > 10)", "CHECK (NOT a > 5)"),
        ("CHECK ((a > 10) = false)", "CHECK ((a > 5) = false)"),
        ("CHECK (a <= (10 - 5))", "CHECK (a <= (10 - 6))"),
        ("CHECK (a <> ALL (ARRAY[1]))", "CHECK (a <> ALL (ARRAY[1, 2]))"),
        ("CHECK (a < b * 2)", "CHECK (a < b * 3)"),
        ("CHECK (a > 0)", "CHECK (a > 0 AND a < 9)"),
    ],
)
def test_a_condition_that_may_hold_less_often_is_not_wider(before: str, after: str) -> None:
    assert not accepts_all(before, after)
