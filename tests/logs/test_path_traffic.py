"""Traffic by the beginnings of paths: counted exactly, in one statement that reads the log once."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from oadb import AsyncDatabase, Database
from oadb.errors import ParameterError
from oadb.logs import path_traffic, traffic
from oadb.logs.path_traffic import PathTraffic
from oadb.logs.traffic import Request
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.declared import declaration
from tests.support.plans import scanned

SINCE = datetime.now(UTC) - timedelta(days=1)
UNTIL = SINCE + timedelta(days=2)


@pytest.fixture(scope="module")
def url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    with oadb_server.clone(oadb_template) as url:
        yield url


@pytest.fixture(scope="module")
def filled(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        for path, status, duration_ms in [
            ("/api/v1/placeorder", 200, 10.0),
            ("/api/v1/placeorder", 500, 30.0),
            ("/api/v1/quotes", 400, 5.0),
            ("/API/v1/quotes", 200, 1.0),
            ("/auth/login", 200, 1.0),
        ]:
            request = Request(
                ip="::1", method="GET", path=path, status=status, duration_ms=duration_ms
            )
            traffic.record(db, request)
        yield db


def test_each_prefix_has_its_requests_in_the_given_order(filled: Database) -> None:
    asked = ["/api/v1/quotes", "/api/v1/", "/nowhere", "", "/api/v1/place%", "/api/v1/place"]

    assert path_traffic.summarize(filled, asked, since=SINCE, until=UNTIL) == [
        PathTraffic("/api/v1/quotes", 1, 1, 5.0),
        PathTraffic("/api/v1/", 3, 2, 15.0),
        PathTraffic("/nowhere", 0, 0, None),
        PathTraffic("", 5, 2, 9.4),
        PathTraffic("/api/v1/place%", 0, 0, None),
        PathTraffic("/api/v1/place", 2, 1, 20.0),
    ]


def test_a_prefix_that_is_named_twice_has_one_row(filled: Database) -> None:
    asked = ["/auth", "/", "/auth"]
    found = path_traffic.summarize(filled, asked, since=SINCE, until=UNTIL)

    assert [(each.prefix, each.requests) for each in found] == [("/auth", 1), ("/", 5)]
    assert path_traffic.summarize(filled, [], since=SINCE, until=UNTIL) == []


def test_only_the_window_counts(filled: Database) -> None:
    (found,) = path_traffic.summarize(filled, ["/"], since=UNTIL, until=UNTIL)

    assert found == PathTraffic("/", 0, 0, None)
    with pytest.raises(ParameterError, match="since is after until"):
        path_traffic.summarize(filled, ["/"], since=UNTIL, until=SINCE)


def test_the_log_is_read_once_for_all_prefixes(filled: Database, url: str) -> None:
    assert filled
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.traffic (logged_at, ip, method, path, status, duration_ms) "
            "select now() - interval '3 days', '::1', 'GET', '/api/v1/quotes', 200, 1 "
            "from generate_series(1, 5000)"
        )
        connection.execute("analyze oadb.traffic")
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(
            b"prepare asked as " + declaration("path_traffic.summarize").statement.sql
        )
        asked = connection.execute(
            "explain (analyze, format json) execute asked "
            "('{/api/v1,/api/v2,/api/v3,/api/v4}', '-infinity', 'infinity')"
        ).fetchone()
    assert asked is not None
    reads = [node for node in scanned(asked[0][0]["Plan"]) if "Relation Name" in node]

    assert {node["Actual Loops"] for node in reads} == {1}


async def test_it_works_for_asyncio(adb: AsyncDatabase) -> None:
    assert await path_traffic.summarize(adb, ["/"], since=SINCE, until=UNTIL) == [
        PathTraffic("/", 0, 0, None)
    ]
