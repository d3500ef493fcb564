"""A call that is written for the types of its arguments refuses what every call refuses."""

# mypy: disable-error-code="empty-body"

from typing import Any

import pytest

from oadb.accounts import sessions
from oadb.engine.binding.operations import Operation, operation
from oadb.engine.binding.queries import Query
from oadb.engine.driver import drive
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.errors import MisplacedError, ParameterError
from oadb.security.secret import Secret
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


class HeardAwaited(AsyncExecutor):
    """An executor whose calls nobody makes; operations get it."""


HeardAwaited.__abstractmethods__ = frozenset()


class HeardBlocking(Executor):
    """An executor that gives operations another one."""

    def _operate(self, work: Any) -> object:
        return drive(work(AWAITED))


HeardBlocking.__abstractmethods__ = frozenset()

BLOCKING: Any = HeardBlocking()
AWAITED: Any = HeardAwaited()


@operation
async def doubled(db: AsyncExecutor, number: int, token: Secret, *, times: int = 2) -> object:
    return db, number * times, token


TOKEN = Secret("token")


def test_an_operation_is_written_for_what_it_needs() -> None:
    assert type(doubled) is not Operation
    assert isinstance(doubled, Operation)


def test_an_operation_gets_what_it_is_given_however_it_is_called() -> None:
    expected = (AWAITED, 6, TOKEN)
    assert doubled(BLOCKING, 3, TOKEN) == expected
    assert drive(doubled(AWAITED, 3, TOKEN)) == expected
    assert doubled(BLOCKING, number=3, token=TOKEN) == expected
    assert doubled(BLOCKING, 3, TOKEN, times=2) == expected


def test_an_operation_refuses_other_values_by_name() -> None:
    wrong: Any = doubled
    with pytest.raises(ParameterError, match=r"doubled: number must be a whole number"):
        wrong(BLOCKING, 2**63, TOKEN)
    with pytest.raises(ParameterError, match=r"doubled: token must be Secret, not str"):
        wrong(AWAITED, 3, "token")
    with pytest.raises(TypeError, match="missing a required argument: 'token'"):
        wrong(BLOCKING, 3)
    with pytest.raises(TypeError, match="too many"):
        wrong(BLOCKING, 3, TOKEN, 4)
    with pytest.raises(TypeError, match="the first argument is a Database"):
        wrong("postgresql://", 3, TOKEN)


def test_an_operation_that_writes_is_refused_by_what_takes_reads_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HeardBlocking, "takes_reads_only", True)
    with pytest.raises(MisplacedError, match=r"sessions\.delete_expired"):
        sessions.delete_expired(BLOCKING)
