"""The log of slow statements, and observers in a group."""

import logging
from datetime import timedelta

import pytest

from oadb.engine.observing import (
    ConnectionChange,
    Observer,
    RowsDropped,
    RowsWritten,
    StatementDone,
    WaitFailed,
    WriteFailed,
)
from oadb.errors import ParameterError
from oadb.integrations.observer_group import ObserverGroup
from oadb.integrations.slow_statements import SlowStatements
from tests.support.observed import statement, transaction


def test_a_slow_statement_is_logged_with_the_place_of_its_sql(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = SlowStatements(timedelta(milliseconds=30))

    slow.statement(statement(seconds=0.0299))
    slow.statement(statement(seconds=0.03, error="QueryCanceled", sqlstate="57014"))

    [record] = caplog.records
    assert (record.name, record.levelno) == ("oadb.slow_statements", logging.WARNING)
    assert record.getMessage() == (
        "users.get took 0.030 s (waiting 0.010, server 0.015), 2 rows, 57014: users.sql:12"
    )
    assert {name: record.__dict__[name] for name in ("query", "sql_place", "seconds", "rows")} == {
        "query": "users.get",
        "sql_place": "users.sql:12",
        "seconds": 0.03,
        "rows": 2,
    }
    assert (record.__dict__["error"], record.__dict__["sqlstate"]) == ("QueryCanceled", "57014")


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ParameterError, match="threshold must not be below 0"):
        SlowStatements(timedelta(seconds=-1))


class _Deaf(Observer):
    def statement(self, done: StatementDone) -> None:
        raise ValueError(done.label)


class _Listening(Observer):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.statement = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.transaction = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.wait_failed = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.connection = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.rows_written = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.rows_dropped = self.heard.append  # type: ignore[method-assign]  # a note of each
        self.write_failed = self.heard.append  # type: ignore[method-assign]  # a note of each


def test_a_group_tells_each_observer_everything() -> None:
    listening = [_Listening(), _Listening()]
    group = ObserverGroup(*listening)
    events = (statement(), transaction(), WaitFailed("a", 1.0, "refused", 1))
    changed, written = ConnectionChange("opened", "asked"), RowsWritten("a", 1, 0, 0.1, 0, 0)
    dropped, failed = RowsDropped("a", 1), WriteFailed("a", "E", None, 1)

    group.statement(events[0])
    group.transaction(events[1])
    group.wait_failed(events[2])
    group.connection(changed)
    group.rows_written(written)
    group.rows_dropped(dropped)
    group.write_failed(failed)

    assert [each.heard for each in listening] == 2 * [[*events, changed, written, dropped, failed]]


def test_an_observer_that_raises_does_not_keep_the_others_from_hearing() -> None:
    listening = _Listening()

    with pytest.raises(ValueError, match=r"users\.get"):
        ObserverGroup(_Deaf(), listening).statement(statement())
    assert len(listening.heard) == 1
