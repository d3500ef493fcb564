"""Retention of tables, from environment variables."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from oadb import Database
from oadb.errors import ConfigError
from oadb.logs import partitions
from oadb.tools import retention, sweeping
from tests.support.rig import Observer


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


# What bounds each table ---------------------------------------------------------------------------

BOUNDS = dict(
    re.findall(
        r"^\| `(\w+)` \| (.+) \|$",
        (Path(__file__).parents[2] / "docs/reliability.md")
        .read_text()
        .partition("### What bounds each table\n")[2]
        .partition("\n\nTo keep")[0],
        re.MULTILINE,
    )
)
# Not deleted by a sweep, nor with a partition.
OTHERWISE = {
    "traffic_rollups": "rollups",
    "latency_rollups": "rollups",
    "security_event_links": "security_events",
    "security_events": "security_events",
    "app_setting_changes": "setting_changes",
}


def test_of_every_table_it_is_said_what_bounds_it(shared_db: Database, shared_url: str) -> None:
    """A new table says in docs/reliability.md how it is kept from growing, or that it does not."""
    tables = {
        name
        for (name,) in Observer(shared_url).rows(
            "select relname from pg_class where relnamespace = 'oadb'::regnamespace "
            "and relkind in ('r', 'p') and not relispartition"
        )
    }
    parted = {*partitions.list_tables(shared_db)}
    swept = {*sweeping.sweeps(shared_db, retention.from_env({}))}
    rest = {table: bound for table, bound in BOUNDS.items() if "_RETENTION_DAYS`" not in bound}

    assert {*BOUNDS} == tables
    assert {table for table in rest if rest[table].startswith("swept ")} == swept & {*rest}
    assert swept <= tables
    assert {bound.partition(": ")[0] for table, bound in rest.items() if table not in swept} == {
        "does not grow"
    }
    for table in {*BOUNDS} - {*rest}:
        named = OTHERWISE.get(table, table)
        assert BOUNDS[table].startswith(f"`OADB_{named.upper()}_RETENTION_DAYS`")
        assert named in retention.DEFAULT_DAYS
        assert ("by partitions" in BOUNDS[table]) == (table in parted)
        assert table in parted | swept | {*OTHERWISE}


def test_the_page_says_each_variable_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs/reliability.md").read_text()

    for table, days in retention.DEFAULT_DAYS.items():
        assert f"| `OADB_{table.upper()}_RETENTION_DAYS` | {days} |" in page
