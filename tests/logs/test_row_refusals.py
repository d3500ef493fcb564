"""Whether an error of a log is the fault of rows, as a Citus cluster tells it."""

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from oadb.logs.writing.row_refusals import Refusals

VIOLATED = 'new row for relation "traffic_102183" violates check constraint "traffic_status_check"'
TOO_LARGE = 'index row size 9000 exceeds btree version 4 maximum 2704 for index "api_logs_x_idx"'


class PassedOn(psycopg.errors.InternalError_):
    """What Citus makes of an error that a worker has told of the rows of a COPY."""

    def __init__(self, text: str, function: str = "ReportCopyError") -> None:
        super().__init__(text)
        self._said = SimpleNamespace(message_primary=text, source_function=function)

    @property
    def diag(self) -> Any:
        return self._said


def noted(error: Exception, times: int) -> bool:
    refusals = Refusals()
    for _ in range(times):
        refusals.note(error)
    return refusals.is_searching and refusals.is_fault_of_rows(error)


def test_a_constraint_that_a_worker_names_is_the_fault_of_a_row_at_once() -> None:
    assert noted(PassedOn(VIOLATED), 1)
    assert not noted(PassedOn(VIOLATED, function="somewhere else"), 9)


def test_what_else_a_worker_says_of_rows_is_their_fault_when_it_is_repeated() -> None:
    assert not noted(PassedOn(TOO_LARGE), 4)
    assert noted(PassedOn(TOO_LARGE), 5)


@pytest.mark.parametrize(
    "text",
    [
        'could not extend file "base/1/2": No space left on device',
        "terminating connection due to administrator command",
        "canceling statement due to statement timeout",
        'relation "oadb.traffic_102183" does not exist',
        'no partition of relation "traffic_102183" found for row',
    ],
)
def test_what_a_worker_lacks_is_never_the_fault_of_a_row(text: str) -> None:
    assert not noted(PassedOn(text), 20)
