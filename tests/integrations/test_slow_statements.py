"""The log of slow statements."""

import logging
from datetime import timedelta

import pytest

from oadb.errors import ParameterError
from oadb.integrations.slow_statements import SlowStatements
from tests.support.observed import statement


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
