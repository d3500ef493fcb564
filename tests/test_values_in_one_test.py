"""Parametrized tests whose values are run by one test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.each import over
from tests.support.values_in_one_test import values_of, with_fixtures_anew

parametrize = pytest.mark.parametrize


def marked(*marks: pytest.MarkDecorator) -> Callable[..., None]:
    def test(**_values: object) -> None: ...

    for mark in marks:
        test = mark(test)
    return test


def named(*marks: pytest.MarkDecorator) -> list[tuple[str, dict[str, Any]]] | None:
    test = marked(*marks)
    found = values_of(test, test.pytestmark)  # type: ignore[attr-defined]  # pytest reads it
    return None if found is None else [(name(), dict(value)) for name, value in found]


def test_each_value_has_its_name() -> None:
    assert named(parametrize("a, b", [(1, 2), pytest.param(3, 4, id="three")])) == [
        ("(1, 2)", {"a": 1, "b": 2}),
        ("three", {"a": 3, "b": 4}),
    ]
    assert named(parametrize("a", [(1,)])) == [("((1,),)", {"a": (1,)})]
    assert named(parametrize(["a"], [(1,)], ids=["one"])) == [("one", {"a": 1})]


def test_marks_are_multiplied() -> None:
    values = named(
        parametrize("a", [1, 2], ids=["one", "two"]), parametrize("b", "xy", ids=str.upper)
    )
    assert values == [
        ("one, X", {"a": 1, "b": "x"}),
        ("one, Y", {"a": 1, "b": "y"}),
        ("two, X", {"a": 2, "b": "x"}),
        ("two, Y", {"a": 2, "b": "y"}),
    ]


def test_what_pytest_alone_understands_is_left_to_it() -> None:
    values = parametrize("a", [1, 2])
    assert named(values) is not None
    assert named(values, pytest.mark.long("why")) is None
    assert named(values, pytest.mark.skipif(condition=True, reason="why")) is None
    assert named(values, pytest.mark.usefixtures("cheap_hashing")) is None
    assert named(parametrize("a", [1, pytest.param(2, marks=pytest.mark.long("why"))])) is None
    assert named(parametrize("a", [1], indirect=True)) is None
    assert named(parametrize("a", [])) is None
    assert named(parametrize("a", iter([1]))) is None


def of_numbers(test: Callable[..., None], *numbers: int) -> Callable[..., None]:
    return over(test, ["number"], [(number.__repr__, {"number": number}) for number in numbers])


def test_every_value_is_run_and_those_that_fail_are_named() -> None:
    run: list[int] = []

    def test(number: int) -> None:
        run.append(number)
        assert number % 2 == 0, "odd"

    with pytest.raises(AssertionError, match=r"2 of 4:\n1: \w+: odd\n[^\n]+\n3: ") as caught:
        of_numbers(test, 1, 2, 3, 4)()
    assert run == [1, 2, 3, 4]
    assert isinstance(caught.value.__cause__, AssertionError)


def test_no_value_is_run_after_one_that_has_used_up_the_time_of_a_test() -> None:
    run: list[int] = []

    def test(number: int) -> None:
        run.append(number)
        pytest.fail("Timeout (>120.0s) from pytest-timeout.")

    with pytest.raises(pytest.fail.Exception, match="Timeout"):
        of_numbers(test, 1, 2)()
    assert run == [1]


def test_a_skipped_value_skips_the_test_unless_one_fails() -> None:
    def test(number: int) -> None:
        if number == 1:
            pytest.skip("one")
        assert number == 2

    with pytest.raises(pytest.skip.Exception, match="one"):
        of_numbers(test, 1, 2)()
    with pytest.raises(AssertionError, match="1 of 3"):
        of_numbers(test, 1, 2, 3)()


def test_folders_and_patches_are_made_anew_for_each_value(tmp_path: Path) -> None:
    class Patched:
        number = 0

    def test(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Patched.number == 0
        monkeypatch.setattr(Patched, "number", number)
        assert [*tmp_path.iterdir()] == []
        (tmp_path / "file").touch()

    of_numbers(with_fixtures_anew(test, {"number"}, set()), 1, 2, 3)(tmp_path=tmp_path)
    assert Patched.number == 0
