"""oadb statistics export: what it prints of a live database, and what it must not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import quote

import psycopg
import pytest

from oadb import Database
from oadb.engine.binding.packages import Package
from oadb.errors import ParameterError
from oadb.testing.chosen_layout import is_cluster
from oadb.tools.plans import statistics_export, statistics_files
from tests.conftest import configured
from tests.support.command_line import oadb

_PEOPLE = """
insert into oadb.users (username, email, first_name)
select 'asha' || n, 'secret' || n || '@example.in', case when n % 4 > 0 then 'Asha' end
from generate_series(1, 400) as n
"""
_REQUESTS = """
insert into oadb.traffic (logged_at, ip, method, path, status, duration_ms, host)
select
    now(), '192.0.2.7', 'GET', '/secret', case when n % 10 = 0 then 404 else 200 end, 1,
    'host' || n % 70
from generate_series(1, 200) as n
"""
_ATTEMPTS = """
insert into oadb.login_attempts (username, method, outcome, device)
select
    '/secret', 'password', case when n % 10 = 0 then 'failed' else 'succeeded' end,
    'host' || n % 70
from generate_series(1, 200) as n
"""
_TRACKERS = """
insert into oadb.ip_trackers (kind, network, hits, first_at, last_at, samples)
select 'not_found', '192.0.2.0'::inet + n, 1, now(), now(), array['/a' || n, '/b' || n]
from generate_series(1, 60) as n
"""


@pytest.fixture(scope="module")
def used_url(url: str) -> str:
    """Give a database with a few hundred users, requests and tries to sign in."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (_PEOPLE, _REQUESTS, _ATTEMPTS, _TRACKERS, "analyze"):
            connection.execute(statement.encode())
    return url


def exported(url: str, *values: str) -> statistics_export.Exported:
    with Database(configured(url)) as db:
        return statistics_export.export(db, ["oadb"], values)


def share_of(found: statistics_export.Exported, table: str) -> float:
    return cast("dict[str, float]", found.tables[table]["rows"])["share"]


Fields = dict[str, dict[str, object]]


def fields(found: statistics_export.Exported, table: str, part: str) -> Fields:
    return cast("Fields", found.tables[table][part])


def test_counts_shares_and_widths_are_exported(used_url: str) -> None:
    found = exported(used_url)

    assert share_of(found, "oadb.users") == 2 * share_of(found, "oadb.login_attempts") > 0
    assert found.tables["oadb.strategies"] == {"rows": {"fixed": 0}}
    columns = fields(found, "oadb.users", "columns")
    assert columns["first_name"] == {
        "null": 0.25, "width": 5, "distinct": {"fixed": 1}, "correlation": 1,
    }  # fmt: skip  # as it is printed
    if is_cluster():
        assert "oadb.traffic" not in found.tables
        return
    assert "share" in fields(found, "oadb.traffic", "indexes")["traffic_status_idx"]
    assert found.unread == []


def test_no_value_of_a_row_is_exported_unless_its_column_was_named(used_url: str) -> None:
    text = json.dumps(exported(used_url).tables)

    assert "secret" not in text
    assert "404" not in text
    assert "Asha" not in text


def test_values_of_named_columns_are_exported_of_partitions_as_well(used_url: str) -> None:
    found = exported(used_url, "oadb.login_attempts.outcome")

    outcome = fields(found, "oadb.login_attempts", "columns")["outcome"]
    assert outcome["values"] == {"succeeded": 0.9, "failed": 0.1}
    assert "secret" not in json.dumps(found.tables)


def test_partitions_with_rows_say_how_old_the_oldest_is(used_url: str) -> None:
    found = exported(used_url)
    if is_cluster():
        assert "columns of oadb.traffic cannot be read: its rows are on workers" in found.unread
        return
    columns = fields(found, "oadb.traffic", "columns")
    first, last = cast("list[str]", columns["logged_at"]["between"])

    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(first) < timedelta(days=1)
    assert last == "now"
    assert "between" not in columns["status"]


def test_arrays_are_exported_with_the_number_of_their_items(used_url: str) -> None:
    columns = fields(exported(used_url), "oadb.ip_trackers", "columns")

    assert columns["samples"]["items"] == 2


def test_what_was_exported_can_be_read_again(used_url: str, tmp_path: Path) -> None:
    (tmp_path / "statistics").mkdir()
    found = exported(used_url, "oadb.login_attempts.device")
    (tmp_path / "statistics" / "live.json").write_text(json.dumps(found.tables))
    shapes = statistics_files.load([Package("live", tmp_path, "sql")])

    assert sum(shapes["oadb.login_attempts"].columns["device"].values.values()) == pytest.approx(1)
    assert shapes["oadb.ip_trackers"].columns["samples"].items == 2


@pytest.mark.parametrize("name", ["oadb.traffic.statuses", "status", "oadb.traffic_default.status"])
def test_an_unknown_column_is_refused(used_url: str, name: str) -> None:
    with pytest.raises(ParameterError, match=f"values: {name} is no column of these schemas"):
        exported(used_url, name)


def test_the_command_prints_a_file_and_writes_nothing(used_url: str) -> None:
    done = oadb("statistics", "export", "--values", "oadb.login_attempts.outcome", url=used_url)

    assert (done.returncode, done.stderr) == (0, "") or is_cluster()
    columns = json.loads(done.stdout)["oadb.login_attempts"]["columns"]
    assert columns["outcome"]["values"]["failed"] == 0.1


def test_what_create_statistics_made_is_said_to_be_left_out(used_url: str) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute(
            "create statistics public.planted (ndistinct, mcv) on username, email from oadb.users"
        )
        done = oadb("statistics", "export", url=used_url)
        connection.execute("drop statistics public.planted")

    assert done.returncode == (3 if is_cluster() else 0)  # it cannot read what is on workers
    assert done.stderr.startswith(
        "left out is what create statistics made, which PostgreSQL 18 cannot restore: "
        "public.planted (ndistinct, mcv) of oadb.users\n"
    )


def test_tables_that_hide_their_statistics_from_a_role_are_named(used_url: str) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute("create role oadb_test_reader login")
        connection.execute("grant usage on schema oadb to oadb_test_reader")
        connection.execute("grant select on oadb.users to oadb_test_reader")
    try:
        found = exported(f"{used_url}&options={quote('-c role=oadb_test_reader')}")
    finally:
        with psycopg.connect(used_url, autocommit=True) as connection:
            connection.execute("drop owned by oadb_test_reader")
            connection.execute("drop role oadb_test_reader")

    assert share_of(found, "oadb.users") > 0
    assert "columns" not in found.tables["oadb.users"]
    assert any(
        each.startswith("columns of oadb.users cannot be read: it was never analyzed, or its")
        for each in found.unread
    )
