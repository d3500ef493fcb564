"""A call that is written for the types of its arguments refuses what every call refuses."""

# mypy: disable-error-code="empty-body"

from typing import Any

import pytest

from oadb.engine.binding.queries import Query
from oadb.errors import ParameterError
from tests.engine.binding.probes import probes

query = probes("-- name: probe\nselect :number::bigint + length(:text);")


@query
def probe(number: int, text: str | None) -> int: ...


query.complete()


class Heard:
    """An executor that answers with what it was given."""

    def _run(self, _query: object, params: tuple[object, ...]) -> object:
        return params


DB: Any = Heard()


def test_the_call_is_written_for_its_types() -> None:
    assert type(probe) is not Query
    assert isinstance(probe, Query)


@pytest.mark.parametrize("values", [(2**63 - 1, "x"), (-(2**63), None), (0, "")])
def test_values_of_the_types_are_passed_on(values: tuple[int, str | None]) -> None:
    assert probe(DB, *values) == values
    assert probe(DB, number=values[0], text=values[1]) == values


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ((2**63, "x"), "number must be a whole number of at most 64 bits"),
        ((-(2**63) - 1, "x"), "number must be a whole number of at most 64 bits"),
        ((True, "x"), "number must be int, not bool"),
        ((None, "x"), "number must be int, not NoneType"),
        ((1, b"x"), "text must be str | None, not bytes"),
    ],
)
def test_other_values_are_refused_by_name(values: Any, fault: str) -> None:
    with pytest.raises(ParameterError) as caught:
        probe(DB, *values)
    assert str(caught.value) == f"{probe.label}: {fault}"


def test_a_wrong_call_is_that_of_any_function() -> None:
    wrong: Any = probe
    with pytest.raises(TypeError, match="missing a required argument: 'text'"):
        wrong(DB, 1)
    with pytest.raises(TypeError, match="too many"):
        wrong(DB, 1, "x", 3)
    with pytest.raises(TypeError, match="the first argument is a Database"):
        wrong("postgresql://", 1, "x")


def test_an_error_of_the_executor_is_not_taken_for_a_wrong_executor() -> None:
    class Broken:
        def _run(self, *_: object) -> None:
            raise AttributeError("of its own")

    wrong: Any = probe
    with pytest.raises(AttributeError, match="of its own"):
        wrong(Broken(), 1, "x")
