"""Calls and analyses of nobody: a number below 0 in the table, None where they are read."""

from itertools import chain

import psycopg
import pytest

from oadb import Database
from oadb.logs import analyzer_logs, api_logs
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.logs.writer import LogWriter
from oadb.testing.chosen_layout import is_cluster
from oadb.tools.migrations.scripts import Script
from tests.conftest import configured
from tests.support.migrations import MIGRATIONS
from tests.support.rig import Observer

CALL = Call(endpoint="/ping", method="GET", status=401)
ANALYSIS = Analysis(api_type="ping", request={}, response={})
KEYED = "0067_key_logs_by_user"


@pytest.fixture(autouse=True)
def _rows(db: Database, url: str) -> None:
    """200 calls and analyses of nobody through a writer, one of each alone, and one of user 7."""
    with LogWriter(configured(url)) as writer:
        for _ in range(200):
            writer.offer(CALL)
            writer.offer(ANALYSIS)
    api_logs.record(db, CALL)
    analyzer_logs.record(db, ANALYSIS)
    api_logs.record(db, Call(endpoint="/ping", method="GET", status=200, user_id=7))


@pytest.mark.parametrize("table", ["api_logs", "analyzer_logs"])
def test_they_are_divided_among_64_numbers_below_0(url: str, table: str) -> None:
    numbers = [
        *chain.from_iterable(Observer(url).rows(f"select user_id from oadb.{table}")),
    ]

    assert {-65 < number < 0 for number in numbers if number != 7} == {True}
    assert len({*numbers}) > 32


def test_they_are_read_as_those_of_nobody(db: Database) -> None:
    (call,) = api_logs.list_calls(db, status=401, limit=1)
    (analysis,) = analyzer_logs.list_analyses(db, limit=1)

    assert (call.user_id, analysis.user_id) == (None, None)
    assert {each.user_id for each in api_logs.search(db, {}, limit=10)} <= {None, 7}
    assert {each.user_id for each in api_logs.stream(db)} == {None, 7}
    assert {each.user_id for each in analyzer_logs.stream(db)} == {None}
    assert api_logs.get(db, call.log_id, logged_at=call.logged_at) == call
    assert analyzer_logs.get(db, analysis.log_id, logged_at=analysis.logged_at) == analysis
    assert [each.status for each in api_logs.stream(db, user_id=7)] == [200]
    assert [each.status for each in api_logs.list_calls(db.as_user(7))] == [200]


def test_rows_from_before_the_numbers_get_one_and_lose_it_with_the_migration(url: str) -> None:
    count = "select count(*) filter (where user_id is null), count(*) filter (where user_id < 0), "
    count += "count(*) filter (where user_id = 7) from oadb.api_logs"
    states: list[tuple[int, ...] | None] = []
    with psycopg.connect(url) as connection:
        if is_cluster():  # it moves no row to another shard
            # Citus sends the whole query of a SET LOCAL to workers, so one statement at a time.
            script = Script(KEYED, (MIGRATIONS / f"{KEYED}.rollback.sql").read_text())
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                [*map(connection.execute, (step.sql.encode() for step in script.steps))]
            return
        for file in (f"{KEYED}.rollback.sql", f"{KEYED}.sql"):
            connection.execute((MIGRATIONS / file).read_bytes())
            states.append(connection.execute(count.encode()).fetchone())

    assert states == [(201, 0, 1), (0, 201, 1)]
