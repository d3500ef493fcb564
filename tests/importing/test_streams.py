"""Histories are stored in batches of bounded size; unknown columns are reported."""

import sqlite3
from contextlib import closing

from oadb import Database
from oadb.importing import sources, streams
from tests.importing.openalgo import Installation
from tests.importing.running import run_import


def test_a_batch_is_bounded_by_the_size_of_its_values(origin: Installation) -> None:
    with closing(sqlite3.connect(origin.path("openalgo"))) as connection, connection:
        for _ in range(12):
            connection.execute(
                "insert into order_logs (api_type, request_data, response_data) values (?, '', '')",
                [b"x" * 1_000_000],
            )
    with sources.opened([origin.folder], []) as found:
        batches = [len(each.rows) for each in streams._batches(found.rows("order_logs"))]

    assert batches == [5, 5, 2]


def test_missing_and_unknown_columns_of_a_history_are_reported(
    db: Database, origin: Installation
) -> None:
    origin.script("openalgo", "alter table order_logs add column canary text default 'x'")
    origin.add_logs(1)
    origin.script("logs", "alter table traffic_logs drop column host")
    reports = run_import(db, origin)

    assert reports["order_logs"].written == 1
    assert reports["order_logs"].remarks == ["it has columns that are not read: canary"]
    assert reports["traffic_logs"].remarks == ["it lacks the columns host"]
