"""Retention of tables, from environment variables."""

from datetime import timedelta

import pytest

from oadb.errors import ConfigError
from oadb.tools import retention


def test_each_table_has_its_own_retention_and_minus_one_is_forever() -> None:
    assert retention.from_env({}) == {
        table: timedelta(days=days) for table, days in retention.DEFAULT_DAYS.items()
    }
    kept = retention.from_env(
        {"OADB_TRAFFIC_RETENTION_DAYS": " 7 ", "OADB_API_LOGS_RETENTION_DAYS": "-1"}
    )
    assert (kept["traffic"], kept["api_logs"]) == (timedelta(days=7), None)


@pytest.mark.parametrize("value", ["0", "-2", "1.5", "x", "36501", "\u0661", "1e3", "9999999999"])
def test_an_invalid_retention_is_refused_with_the_valid_range(value: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        retention.from_env({"OADB_TRAFFIC_RETENTION_DAYS": value})
    assert str(refusal.value) == (
        f"OADB_TRAFFIC_RETENTION_DAYS is {value!r}; expected days from 1 to 36500, or -1: forever"
    )


@pytest.mark.parametrize(
    "name",
    [
        "OADB_TRAFIC_RETENTION_DAYS",
        "OADB_RETENTION_DAYS_RETENTION_DAYS",
        "OADB__RETENTION_DAYS",
        "oadb_traffic_retention_days",
    ],
)
def test_the_error_about_an_unknown_variable_lists_the_known_ones(name: str) -> None:
    """A misspelt name would silently keep rows for the default time."""
    with pytest.raises(ConfigError, match=f"{name} is unknown; expected one of OADB_API_LOGS_RET"):
        retention.from_env({name: "3"})
