"""Every paged list of logs: each row once, windows, cursors that belong to another list."""

from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.engine.binding.pages import Page
from oadb.errors import ParameterError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.each import for_each

MODULES = (api_logs, analyzer_logs, traffic, latency)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 12

# Four rows for each of three times.
_FILL = """
insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request)
select %(noon)s + n / 4 * interval '1 hour', 7, '/orders', 'POST', 200, '{"symbol": "SBIN"}'
from generate_series(0, 11) as n;

insert into oadb.analyzer_logs (logged_at, user_id, api_type, request, response)
select %(noon)s + n / 4 * interval '1 hour', 7, 'placeorder', '{}', '{}'
from generate_series(0, 11) as n;

insert into oadb.latency (logged_at, total_ms, outcome)
select %(noon)s + n / 4 * interval '1 hour', n, 'succeeded'
from generate_series(0, 11) as n;

insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
select %(noon)s + n / 4 * interval '1 hour', '203.0.113.7', 'GET', '/', '/quotes', s, n, 'a.in'
from generate_series(0, 11) as n, unnest(array[200, 404]) as s;

insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
select %(noon)s, ip::inet, 'GET', '/', '/orders', 302, 1, 'b.in'
from
    generate_series(0, 11) as n,
    format(case when n %% 2 = 0 then '10.0.0.%%s' else '2001:db8::%%s' end, n) as ip,
    generate_series(0, n / 4) as again;
"""

LISTS: dict[str, tuple[Callable[..., Page[Any]], dict[str, object]]] = {
    "api_logs.list_calls": (api_logs.list_calls, {}),
    "api_logs.list_calls of a user": (api_logs.list_calls, {"user_id": 7}),
    "api_logs.list_calls of an endpoint": (api_logs.list_calls, {"endpoint": "/orders"}),
    "api_logs.list_calls with a status": (api_logs.list_calls, {"status": 200}),
    "api_logs.list_calls with all of them": (
        api_logs.list_calls,
        {"user_id": 7, "endpoint": "/orders", "status": 200},
    ),
    "api_logs.search": (api_logs.search, {"content": {"symbol": "SBIN"}}),
    "api_logs.search of a user": (api_logs.search, {"content": {"symbol": "SBIN"}, "user_id": 7}),
    "analyzer_logs.list_analyses": (analyzer_logs.list_analyses, {}),
    "analyzer_logs.list_analyses of a user": (analyzer_logs.list_analyses, {"user_id": 7}),
    "analyzer_logs.list_analyses of a day": (
        analyzer_logs.list_analyses,
        {"day": date(2026, 3, 2)},
    ),
    "latency.list_timings": (latency.list_timings, {}),
    "traffic.list_requests": (traffic.list_requests, {}),
    "traffic.list_requests of an address": (traffic.list_requests, {"ip": "203.0.113.7"}),
    "traffic.list_requests of an endpoint": (traffic.list_requests, {"endpoint": "/quotes"}),
    "traffic.list_requests with an error": (traffic.list_requests, {"status": 404}),
    "traffic.list_requests with another status": (traffic.list_requests, {"status": 200}),
    "traffic.list_requests with all of them": (
        traffic.list_requests,
        {"ip": "203.0.113.7", "endpoint": "/quotes", "status": 404},
    ),
    "traffic.list_clients": (traffic.list_clients, {"host": "b.in"}),
}
"""Each list, in the variants that read another index, with its arguments."""


@pytest.fixture(scope="module")
def filled(oadb_server: Server, oadb_template: str) -> Generator[Database]:
    """Give a database in which each list has rows with equal times, or equal counts."""
    with oadb_server.clone(oadb_template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in _FILL.split(";\n"):
                connection.execute(statement.encode(), {"noon": NOON})
        with Database(configured(url)) as db:
            yield db


def everything(db: Database, name: str) -> list[Any]:
    read, key = LISTS[name]
    page = read(db, **key, limit=1000)
    assert page.next is None
    assert len(page) >= ROWS
    return page.rows


def first_cursor(db: Database, name: str) -> str:
    read, key = LISTS[name]
    found = read(db, **key, limit=1).next
    assert found is not None
    return found


def test_no_paged_list_of_logs_is_missing_here() -> None:
    paged = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in MODULES
        for name in module.__all__
        if name.startswith(("list_", "search")) and name != "list_brokers"
    }

    assert paged == {name.partition(" ")[0] for name in LISTS}


@pytest.mark.parametrize("name", LISTS)
def test_pages_of_any_size_have_each_row_once_and_in_order(filled: Database, name: str) -> None:
    read, key = LISTS[name]
    rows = everything(filled, name)

    for limit in range(1, len(rows) + 2):
        found, page = [], read(filled, **key, limit=limit)
        while page.next is not None:
            assert len(page) == limit
            found += page.rows
            page = read(filled, **key, limit=limit, cursor=page.next)
        assert [*found, *page] == rows


@pytest.mark.parametrize("name", LISTS)
def test_rows_are_the_newest_first_or_the_most_frequent(filled: Database, name: str) -> None:
    rows = everything(filled, name)
    if name == "traffic.list_clients":
        counts = [row.requests for row in rows]
        assert counts == sorted(counts, reverse=True)
        assert len({*counts}) < len(counts)
        return
    order = [(row.logged_at, row.log_id) for row in rows]
    assert order == sorted({*order}, reverse=True)
    assert len({moment for moment, _ in order}) < len(order)


@pytest.mark.parametrize("name", LISTS)
def test_a_window_includes_since_and_excludes_until(filled: Database, name: str) -> None:
    read, key = LISTS[name]
    rows = everything(filled, name)
    if name == "traffic.list_clients":
        assert read(filled, **key, since=NOON, limit=1000).rows == rows
        assert not read(filled, **key, until=NOON)
        return

    for since, until in ((NOON, NOON + HOUR), (NOON + HOUR, NOON + 2 * HOUR), (NOON, NOON)):
        inside = [row for row in rows if since <= row.logged_at < until]
        assert bool(inside) == (since < until)
        assert read(filled, **key, since=since, until=until, limit=1000).rows == inside
        page = read(filled, **key, since=since, until=until, limit=3)
        rest = read(filled, **key, since=since, until=until, limit=1000, cursor=page.next)
        assert not inside or [*page, *rest] == inside


@for_each("name", LISTS)
def test_a_window_that_ends_before_it_begins_is_refused(filled: Database, name: str) -> None:
    read, key = LISTS[name]

    with pytest.raises(ParameterError) as refused:
        read(filled, **key, since=NOON + HOUR, until=NOON)
    said = f"{name.partition(' ')[0]}: since is after until; it must be the earlier one"
    assert str(refused.value) == said


def test_a_cursor_of_any_other_list_is_refused(filled: Database) -> None:
    cursors = {name: first_cursor(filled, name) for name in LISTS}

    for name, other in permutations(LISTS, 2):
        read, key = LISTS[name]
        with pytest.raises(ParameterError) as refused:
            read(filled, **key, cursor=cursors[other])
        label = name.partition(" ")[0]
        assert str(refused.value).startswith(f"{label}: cursor is not one of this list; "), other


def test_a_cursor_is_refused_with_another_key(filled: Database) -> None:
    for read, name, value, other in (
        (api_logs.list_calls, "user_id", 7, 8),
        (api_logs.list_calls, "endpoint", "/orders", "/"),
        (api_logs.list_calls, "status", 200, None),
        (api_logs.search, "content", {"symbol": "SBIN"}, {"symbol": "INFY"}),
        (analyzer_logs.list_analyses, "day", date(2026, 3, 2), date(2026, 3, 3)),
        (traffic.list_requests, "ip", "203.0.113.7", "203.0.113.8"),
        (traffic.list_requests, "status", 404, 500),
        (traffic.list_requests, "status", 404, 200),
        (traffic.list_clients, "host", "b.in", "a.in"),
    ):
        cursor = read(filled, **{name: value}, limit=1).next
        with pytest.raises(ParameterError, match="cursor is not one of this list"):
            read(filled, **{name: other}, cursor=cursor)


@for_each("name", LISTS)
@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(filled: Database, name: str, limit: int) -> None:
    read, key = LISTS[name]

    with pytest.raises(ParameterError) as refused:
        read(filled, **key, limit=limit)
    assert str(refused.value).endswith("limit must be 1 to 1000")


@for_each("name", LISTS)
def test_a_time_is_never_positional(filled: Database, name: str) -> None:
    read, key = LISTS[name]

    with pytest.raises(TypeError):
        read(filled, NOON, **key)
