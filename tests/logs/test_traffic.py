"""Traffic: written requests are found, page by page, and no text of a client is too long."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Config, Database, Transaction
from oadb.engine.binding.pages import Page
from oadb.errors import ParameterError
from oadb.logs import rollups, traffic
from oadb.logs.traffic import LoggedRequest, Request
from oadb.logs.writer import LogWriter
from tests.conftest import configured
from tests.support.declared import declaration
from tests.support.plans import plan
from tests.support.rollup_rows import at, put_traffic

REQUEST = Request(
    ip="203.0.113.7",
    method="POST",
    path="/api/v1/placeorder",
    status=200,
    duration_ms=12.5,
    endpoint="/api/v1/placeorder",
    host="trade.example.in",
    user_id=7,
    error=None,
)

T = TypeVar("T")

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def test_a_request_is_read_as_it_was_written(tx: Transaction) -> None:
    traffic.record(tx, REQUEST)

    (row,) = traffic.list_requests(tx)
    assert row == LoggedRequest(
        row.log_id,
        row.logged_at,
        "203.0.113.7",
        "POST",
        "/api/v1/placeorder",
        "/api/v1/placeorder",
        200,
        12.5,
        "trade.example.in",
        7,
        None,
    )


def test_a_written_request_counts_immediately(tx: Transaction) -> None:
    traffic.record(tx, REQUEST)
    traffic.record(tx, replace(REQUEST, status=500, endpoint=None))

    found = traffic.statistics(tx, since=LONG_AGO, until=FAR_AHEAD)
    assert (found.total.requests, found.total.errors) == (2, 1)
    assert {each.endpoint for each in found.endpoints} == {None, "/api/v1/placeorder"}


def test_rows_stored_by_a_log_writer_are_counted(db: Database, config: Config) -> None:
    with LogWriter(config) as logs:
        for number in range(50):
            logs.offer(replace(REQUEST, status=200 + number))

    assert traffic.statistics(db, since=LONG_AGO, until=FAR_AHEAD).total.requests == 50
    assert rollups.refresh(db).batches > 0
    assert traffic.statistics(db, since=LONG_AGO, until=FAR_AHEAD).total.status_2xx == 50


async def test_a_request_is_written_from_asyncio(adb: AsyncDatabase, db: Database) -> None:
    await traffic.record(adb, REQUEST)

    assert len(await traffic.list_requests(adb)) == len(traffic.list_requests(db)) == 1


def test_a_request_is_dated_by_the_database(db: Database, url: str) -> None:
    """Defect 39: clocks and time zones of services were mixed in one column."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter role current_user set timezone to 'Asia/Kolkata'")
        try:
            with psycopg.connect(url) as other:
                before = other.execute("select clock_timestamp()").fetchone()
            traffic.record(db, REQUEST)
        finally:
            connection.execute("alter role current_user reset timezone")
        after = connection.execute("select clock_timestamp()").fetchone()

    assert before is not None
    assert after is not None
    assert before[0] <= traffic.list_requests(db).rows[0].logged_at <= after[0]


@pytest.mark.parametrize("field", ["path", "host", "endpoint", "error", "method"])
@pytest.mark.parametrize("text", ["/a b" * 25_000, "a\0b", "a\ud800b", "\u0939" * 3000])
def test_no_text_is_too_long_or_too_strange_to_be_logged(
    tx: Transaction, field: str, text: str
) -> None:
    """Defect 42: an attacker's path of 501 characters left no trace."""
    traffic.record(tx, replace(REQUEST, **{field: text}))

    kept = getattr(traffic.list_requests(tx).rows[0], field)
    assert kept[:1] == text[:1]
    assert len(kept) <= (20 if field == "method" else 2000)


@pytest.mark.parametrize("field", ["path", "error"])
def test_a_secret_in_a_text_is_not_logged(tx: Transaction, field: str) -> None:
    """Defect 6."""
    secret = "5f" * 32
    traffic.record(tx, replace(REQUEST, **{field: f"/api/v1/quotes?apikey={secret}&symbol=INFY"}))

    kept = getattr(traffic.list_requests(tx).rows[0], field)
    assert secret not in kept
    assert kept.startswith("/api/v1/quotes?")


def test_a_user_must_be_a_number(tx: Transaction) -> None:
    """Defect 43: names were written to a column of numbers, which refused them."""
    traffic.record(tx, replace(REQUEST, user_id=2**40))

    assert traffic.list_requests(tx).rows[0].user_id == 2**40
    with pytest.raises(ParameterError, match="user_id must be int"):
        traffic.record(tx, replace(REQUEST, user_id="asha"))  # type: ignore[arg-type]  # refused


def test_no_file_is_made_in_the_working_directory(
    tx: Transaction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defect 44: a folder was named after the URL of the database, with its password."""
    monkeypatch.chdir(tmp_path)
    traffic.record(tx, REQUEST)
    traffic.statistics(tx, since=LONG_AGO, until=FAR_AHEAD)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["", "localhost", "203.0.113.7; drop", "fe80::1%eth0"])
def test_an_invalid_address_is_refused(tx: Transaction, wrong: str) -> None:
    with pytest.raises(
        ParameterError, match=r"^traffic\.record: request\.ip must be an IPv4 or IPv6"
    ):
        traffic.record(tx, replace(REQUEST, ip=wrong))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 99},
        {"status": 600},
        {"duration_ms": -1.0},
        {"duration_ms": float("nan")},
        {"duration_ms": float("inf")},
    ],
)
def test_an_impossible_value_is_refused_and_not_counted(
    tx: Transaction, changes: dict[str, Any]
) -> None:
    with pytest.raises(CheckViolation), tx.transaction() as nested:
        traffic.record(nested, replace(REQUEST, **changes))

    assert traffic.statistics(tx, since=LONG_AGO, until=FAR_AHEAD).total.requests == 0


# Pages ------------------------------------------------------------------------------------------


@pytest.fixture
def written(db: Database, url: str) -> list[LoggedRequest]:
    """Write 60 requests, twelve for each moment; give them, newest first."""
    statuses = (200, 404, 500, 302)
    rows = [(at(n // 12), f"/e{n % 3}", statuses[n % 4], float(n)) for n in range(60)]
    put_traffic(url, rows)
    return traffic.list_requests(db, limit=1000).rows


def paged(read: Callable[..., Page[T]], *key: object, limit: int) -> list[T]:
    page = read(*key, limit=limit)
    found = page.rows
    while page.next is not None:
        page = read(*key, limit=limit, cursor=page.next)
        found += page.rows
    return found


def test_pages_follow_each_other_without_a_gap(db: Database, written: list[LoggedRequest]) -> None:
    assert [row.duration_ms for row in written] == [float(n) for n in reversed(range(60))]
    assert paged(traffic.list_requests, db, limit=7) == written


def test_requests_are_listed_by_address_endpoint_and_status(
    db: Database, written: list[LoggedRequest]
) -> None:
    traffic.record(db, replace(REQUEST, ip="2001:db8::1"))

    mine = partial(traffic.list_requests, ip="203.0.113.7")
    assert paged(mine, db, limit=50) == written
    assert len(traffic.list_requests(db, ip="2001:0DB8::1")) == 1
    for endpoint, status in product(("/e1", None), (404, 302, None)):
        found = paged(partial(mine, endpoint=endpoint, status=status), db, limit=4)
        assert found == [
            row
            for row in written
            if endpoint in {None, row.endpoint} and status in {None, row.status}
        ]
        assert not traffic.list_requests(db, endpoint=endpoint, status=status or 404, since=at(5))
    assert not traffic.list_requests(db, status=399)
    assert not traffic.list_requests(db, status=400)


def test_a_request_is_found_by_its_id_and_its_time(
    db: Database, written: list[LoggedRequest]
) -> None:
    for row in written[10:14]:
        assert traffic.get(db, row.log_id, logged_at=row.logged_at) == row
    assert traffic.get(db, written[0].log_id, logged_at=written[-1].logged_at) is None


def test_an_address_that_is_invalid_is_refused_by_its_list(tx: Transaction) -> None:
    with pytest.raises(ParameterError, match=r"^traffic\.list_requests: ip must be an IPv4"):
        traffic.list_requests(tx, ip="localhost")


@pytest.mark.long("fills two weeks of requests")
@pytest.mark.parametrize(
    "name",
    [
        "_list_requests",
        "_list_requests +ip",
        "_list_requests +endpoint",
        "_list_requests +status",
        "_list_requests +error_status",
    ],
)
def test_partitions_after_a_page_are_pruned(filled_url: str, name: str) -> None:
    """With a generic plan."""
    declared = declaration(f"traffic.{name} +since +cursor")
    values = {
        "last_logged_at": f"'{at(3 * 1440)}'",
        "last_log_id": "1",
        "since": f"'{at(0)}'",
        "limit": "1000",
        "status": "200",
        "error_status": "404",
        "ip": "'10.0.0.25'",
        "endpoint": "'/e1'",
    }
    given = ", ".join(values.get(name, "null") for name in declared.statement.params)
    with psycopg.connect(filled_url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare planned as " + declared.statement.sql)
        rows = connection.execute(f"explain (analyze) execute planned ({given})".encode())
        lines = [line for (line,) in rows if "never executed" not in line]
    read = {name[:12] for line in lines for name in re.findall(r"traffic_0\d+", line)}

    assert read
    assert read <= {f"traffic_{at(1440 * day):%m%d}" for day in range(4)}


def test_an_export_streams_a_window_in_order(db: Database, written: list[LoggedRequest]) -> None:
    found = [*traffic.stream(db, since=at(1), until=at(3))]

    assert found == [row for row in reversed(written) if at(1) <= row.logged_at < at(3)]
    assert len(found) == 24


def test_the_clients_of_a_host_are_counted(db: Database) -> None:
    for status in (200, 404, 500):
        traffic.record(db, replace(REQUEST, status=status, host="Trade.Example.in"))
    traffic.record(db, replace(REQUEST, ip="2001:db8::1"))
    traffic.record(db, replace(REQUEST, ip="198.51.100.1", host="elsewhere.example.in"))
    newest = max(row.logged_at for row in traffic.list_requests(db, ip="203.0.113.7"))

    first, second = traffic.list_clients(db, "trade.example.IN")

    assert first == traffic.ClientTraffic("203.0.113.7", 3, 2, newest)
    assert (second.ip, second.requests, second.errors) == ("2001:db8::1", 1, 0)
    for window in ({"since": FAR_AHEAD}, {"until": LONG_AGO}):
        assert not traffic.list_clients(db, "trade.example.in", **window)


# Plans ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled_url(oadb_server: Any, oadb_template: str) -> Any:
    """Give a database with 50,000 requests of two weeks, in daily partitions, rolled up."""
    with oadb_server.clone(oadb_template) as url:
        fill(url)
        yield url


def fill(url: str) -> None:
    days = [at(1440 * day) for day in range(15)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        for day, following in itertools.pairwise(days):
            connection.execute(
                f"create table oadb.traffic_{day:%m%d} partition of oadb.traffic "
                f"for values from ('{day}') to ('{following}')".encode()
            )
        connection.execute(
            "insert into oadb.traffic "
            "(logged_at, ip, method, path, endpoint, status, duration_ms, host) "
            "select %s + n * interval '14 days' / 50000, '10.0.0.0'::inet + n %% 500, 'GET', '/', "
            "'/e' || n %% 20, case when n %% 25 = 0 then 404 else 200 end, n %% 100, 'a.in' "
            "from generate_series(0, 49999) as n",
            [days[0]],
        )
        connection.execute(
            "insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at) "
            "values (gen_random_uuid(), 'traffic', 50000, %s, %s)",
            [days[0], days[-1] - timedelta(microseconds=1)],
        )
    with Database(configured(url)) as db:
        rollups.refresh(db)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze oadb.traffic, oadb.traffic_rollups, oadb.log_batches")


@pytest.mark.long("fills two weeks of requests")
@pytest.mark.parametrize(
    "name",
    [
        "_list_requests",
        "_list_requests +ip",
        "_list_requests +endpoint +since",
        "_list_requests +status +since",
        "_list_requests +error_status",
        "stream +since",
        "list_clients +since",
        "_summarize",
    ],
)
def test_no_statement_scans_the_whole_table(filled_url: str, name: str) -> None:
    """Defect 48. With a generic plan, part of each partition is read at most."""
    assert "Seq Scan on traffic_0" not in plan(filled_url, "traffic", name)


@pytest.mark.long("fills two weeks of requests")
def test_statistics_read_no_row_that_is_rolled_up(filled_url: str) -> None:
    """All but two minutes of 14 days are; only the partitions of those minutes are read."""
    statement = traffic._summarize.statement.sql
    with psycopg.connect(filled_url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare summary as " + statement)
        found = connection.execute(
            f"explain (analyze, costs off, timing off, format json) "
            f"execute summary ('{at(10.5)}', '{at(14 * 1440 - 10.5)}', 1000)".encode()
        ).fetchone()
    assert found is not None
    scans = [node for node in nodes(found[0][0]["Plan"]) if "Relation Name" in node]
    rows = [node for node in scans if node["Relation Name"].startswith("traffic_0")]
    opened = [node for node in rows if node["Actual Loops"]]

    assert {node["Relation Name"] for node in opened} <= {"traffic_0302", "traffic_0315"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in opened) < 20


def nodes(node: dict[str, Any]) -> Any:
    yield node
    for part in node.get("Plans", ()):
        yield from nodes(part)
