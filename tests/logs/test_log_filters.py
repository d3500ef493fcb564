"""Filters of the log pages: a list, its total and its export take the same, and agree."""

import inspect
from collections.abc import Callable, Generator
from types import ModuleType
from typing import Any

import pytest

from oadb import AsyncDatabase, Database
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.logs.latency import Timing
from oadb.logs.traffic import Request
from oadb.testing.servers import Server
from tests.conftest import configured

LISTS: dict[ModuleType, Callable[..., Any]] = {
    api_logs: api_logs.list_calls,
    analyzer_logs: analyzer_logs.list_analyses,
    traffic: traffic.list_requests,
    latency: latency.list_timings,
}
NOT_FILTERS = {"db", "cursor", "limit", "day", "time_zone"}


def fill(db: Database) -> None:
    """Record four rows in each log, of which the last has nothing that can be left out."""
    for n, (symbol, status) in enumerate([("INFY", 200), ("SBIN", 500), ("SBIN", 200)]):
        order = {"symbol": symbol, "quantity": n}
        api_logs.record(
            db,
            Call(
                endpoint=f"/api/v1/{'quotes' if n else 'placeorder'}",
                method="POST",
                status=status,
                user_id=7 if n else None,
                request=order,
                response={"status": "success", "orderid": f"ID{n}"},
            ),
        )
        analyzer_logs.record(
            db,
            Analysis(
                api_type="quotes" if n else "placeorder",
                user_id=7 if n else None,
                request=order,
                response={"status": "success"},
            ),
        )
        traffic.record(
            db,
            Request(
                ip=f"203.0.113.{min(n, 1)}",
                method="GET",
                path="/api/v1/quotes" if n else "/auth/login",
                endpoint="/api/v1/quotes" if n else None,
                status=status,
                duration_ms=1.0,
                host="Trade.example.in" if n < 2 else "other.example.in",
            ),
        )
        latency.record(
            db,
            Timing(
                total_ms=1.0,
                outcome="failed" if status == 500 else "succeeded",
                broker="zerodha" if n else "dhan",
                symbol=symbol,
                order_id=f"ID{n}",
            ),
        )
    api_logs.record(db, Call(endpoint="/ping", method="GET", status=200))
    analyzer_logs.record(db, Analysis(api_type="ping", request={}, response={}))
    traffic.record(db, Request(ip="::1", method="GET", path="/", status=200, duration_ms=1.0))
    latency.record(db, Timing(total_ms=1.0, outcome="partial"))


@pytest.fixture(scope="module")
def filled(oadb_server: Server, oadb_template: str) -> Generator[Database]:
    with oadb_server.clone(oadb_template) as url, Database(configured(url)) as db:
        fill(db)
        yield db


CASES: list[tuple[ModuleType, dict[str, object], int]] = [
    (api_logs, {}, 4),
    (api_logs, {"user_id": 7}, 2),
    (api_logs, {"endpoint": "/api/v1/quotes", "status": 200}, 1),
    (api_logs, {"text": "sbin"}, 2),
    (api_logs, {"text": "PlaceOrder"}, 1),
    (api_logs, {"text": "ID2"}, 1),
    (api_logs, {"text": "sbin", "user_id": 7, "endpoint": "/api/v1/quotes", "status": 500}, 1),
    (api_logs, {"text": "%"}, 0),
    (api_logs, {"text": ""}, 4),
    (analyzer_logs, {}, 4),
    (analyzer_logs, {"user_id": 7}, 2),
    (analyzer_logs, {"api_type": "placeorder"}, 1),
    (analyzer_logs, {"text": "SBIN", "user_id": 7, "api_type": "quotes"}, 2),
    (analyzer_logs, {"text": "PING"}, 1),
    (analyzer_logs, {"text": "_"}, 0),
    (traffic, {}, 4),
    (traffic, {"ip": "::ffff:203.0.113.1"}, 2),
    (traffic, {"endpoint": "/api/v1/quotes", "status": 500}, 1),
    (traffic, {"status": 200}, 3),
    (traffic, {"text": "trade.EXAMPLE"}, 2),
    (traffic, {"text": "/auth/", "ip": "203.0.113.0"}, 1),
    (traffic, {"text": "nothing"}, 0),
    (latency, {}, 4),
    (latency, {"broker": "zerodha"}, 2),
    (latency, {"outcome": "failed", "broker": "zerodha"}, 1),
    (latency, {"outcome": "partial"}, 1),
    (latency, {"text": "infy"}, 1),
    (latency, {"text": "id2", "broker": "zerodha", "outcome": "succeeded"}, 1),
]


@pytest.mark.parametrize(
    ("log", "filters", "count"),
    CASES,
    ids=[f"{log.__name__.rpartition('.')[2]}-{'-'.join(given)}" for log, given, _ in CASES],
)
def test_a_list_its_total_and_its_export_agree(
    filled: Database, log: ModuleType, filters: dict[str, object], count: int
) -> None:
    page = LISTS[log](filled, limit=1, **filters)
    listed = page.rows
    while page.next is not None:
        page = LISTS[log](filled, limit=1, cursor=page.next, **filters)
        listed += page.rows

    assert len(listed) == count
    assert log.count(filled, **filters) == count
    assert [*log.stream(filled, **filters)] == listed[::-1]


@pytest.mark.parametrize("log", LISTS, ids=lambda log: log.__name__.rpartition(".")[2])
def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(
    filled: Database, log: ModuleType
) -> None:
    newest, second, third, oldest = LISTS[log](filled)
    window = {"since": third.logged_at, "until": newest.logged_at}

    assert LISTS[log](filled, **window).rows == [second, third]
    assert log.count(filled, **window) == 2
    assert [*log.stream(filled, **window)] == [third, second]
    assert [*log.stream(filled, until=third.logged_at)] == [oldest]


@pytest.mark.parametrize("log", LISTS, ids=lambda log: log.__name__.rpartition(".")[2])
def test_a_list_its_total_and_its_export_take_the_same_filters(log: ModuleType) -> None:
    taken = {*inspect.signature(LISTS[log]).parameters} - NOT_FILTERS

    assert taken >= {"text", "since", "until"}
    for each in (log.count, log.stream):
        assert {*inspect.signature(each).parameters} - NOT_FILTERS == taken


async def test_totals_are_counted_from_asyncio(adb: AsyncDatabase) -> None:
    await traffic.record(
        adb, Request(ip="::1", method="GET", path="/", status=200, duration_ms=1.0)
    )

    assert await traffic.count(adb, ip="::1") == 1
    assert await latency.count(adb, broker="zerodha") == 0
    assert await analyzer_logs.count(adb, text="x") == 0
    assert [row async for row in analyzer_logs.stream(adb)] == []
