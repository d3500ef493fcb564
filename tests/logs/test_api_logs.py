"""API logs: written calls are found by user, endpoint, status, time and content."""

from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Database, Transaction
from oadb.engine.binding.pages import Page
from oadb.errors import ParameterError
from oadb.logs import api_logs, partitions
from oadb.logs.api_logs import Call, LoggedCall
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.declared import declaration
from tests.support.plans import plan
from tests.support.rig import Observer

ORDER = Call(
    endpoint="/api/v1/placeorder",
    method="POST",
    status=200,
    user_id=7,
    ip="203.0.113.7",
    request={"symbol": "SBIN", "legs": [{"symbol": "INFY"}]},
    response={"orderid": "1"},
)
DAY = timedelta(days=1)
THEN = datetime(2026, 1, 31, 12, tzinfo=UTC)

Pages = Callable[..., Page[LoggedCall]]


def fill(url: str) -> None:
    """Insert two calls an hour for 40 days, partly into the default partition."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("call oadb.make_log_partition('api_logs', '2026-01-01', '1 s', null)")
        connection.execute(
            "insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request) "
            "select timestamptz '2026-01-01 00:00+00' + n / 2 * interval '1 hour', "
            "n % 5, '/' || n % 3, 'GET', 200 + n % 4, jsonb_build_object('n', n % 7) "
            "from generate_series(0, 1919) as n"
        )


@pytest.fixture(scope="module")
def filled(oadb_server: Server, oadb_template: str) -> Generator[Database]:
    """Give a database with these calls, for tests that only read them."""
    with oadb_server.clone(oadb_template) as url:
        fill(url)
        with Database(configured(url)) as db:
            yield db


# Writing ----------------------------------------------------------------------------------------


def test_a_call_is_read_as_it_was_written(tx: Transaction) -> None:
    api_logs.record(tx, ORDER)

    (log,) = api_logs.list_calls(tx)
    assert (
        Call(
            endpoint=log.endpoint,
            method=log.method,
            status=log.status,
            user_id=log.user_id,
            ip=log.ip,
            request=log.request,
            response=log.response,
            error=log.error,
        )
        == ORDER
    )
    assert log.logged_at.utcoffset() is not None
    assert api_logs.get(tx, log.log_id, logged_at=log.logged_at) == log
    assert api_logs.get(tx, log.log_id, logged_at=log.logged_at + DAY) is None
    assert api_logs.get(tx, log.log_id + 1, logged_at=log.logged_at) is None


async def test_a_call_is_written_from_asyncio(adb: AsyncDatabase) -> None:
    await api_logs.record(adb, ORDER)

    assert await api_logs.count(adb) == 1


def test_a_call_is_stored_if_and_only_if_its_transaction_commits(db: Database) -> None:
    with suppress(ZeroDivisionError), db.transaction() as tx:
        api_logs.record(tx, ORDER)
        raise ZeroDivisionError
    assert api_logs.count(db) == 0
    with db.transaction() as tx:
        api_logs.record(tx, ORDER)
        assert api_logs.count(db.outside()) == 0

    assert api_logs.count(db) == 1


def test_the_time_of_a_call_is_that_of_its_statement(tx: Transaction) -> None:
    api_logs.record(tx, ORDER)
    api_logs.record(tx, ORDER)

    last, first = api_logs.list_calls(tx)
    assert first.logged_at < last.logged_at


def test_bodies_and_texts_are_redacted_before_they_are_sent(tx: Transaction) -> None:
    secret = "oak_" + "x" * 49
    request: dict[str, object] = {"symbol": "INFY", "apikey": secret, "orders": [{"token": secret}]}
    api_logs.record(
        tx,
        Call(
            endpoint=f"/?apikey={secret}", method="GET", status=200, request=request, error=secret
        ),
    )

    (log,) = api_logs.list_calls(tx)
    assert secret not in repr(log)
    assert (log.request or {})["symbol"] == "INFY"


def test_texts_are_cut_and_escaped_instead_of_refused(tx: Transaction) -> None:
    api_logs.record(
        tx, Call(endpoint="x y" * 999, method="M " * 99, status=404, error="\0\ud800" + "e " * 999)
    )

    (log,) = api_logs.list_calls(tx)
    assert (len(log.endpoint), len(log.method), len(log.error or "")) == (500, 20, 510)
    assert (log.error or "").startswith(r"\u0000\ud800e")


@pytest.mark.parametrize("status", [0, 99, 600, -1])
def test_a_status_outside_of_100_to_599_is_refused(tx: Transaction, status: int) -> None:
    with pytest.raises(CheckViolation), tx.transaction():
        api_logs.record(tx, Call(endpoint="/", method="GET", status=status))


def test_an_invalid_address_is_refused_before_anything_is_sent(tx: Transaction) -> None:
    with pytest.raises(
        ParameterError, match=r"^api_logs\.record: call\.ip must be an IPv4 or IPv6 address"
    ):
        api_logs.record(tx, Call(endpoint="/", method="GET", status=200, ip="localhost"))


# Pages ------------------------------------------------------------------------------------------


def paged(read: Pages, *key: object, limit: int) -> list[LoggedCall]:
    page = read(*key, limit=limit)
    found = page.rows
    while page.next is not None:
        page = read(*key, limit=limit, cursor=page.next)
        found += page.rows
    return found


@pytest.mark.parametrize(
    ("read", "key", "count"),
    [
        (api_logs.list_calls, (), 1920),
        (partial(api_logs.list_calls, user_id=2), (), 384),
        (partial(api_logs.list_calls, endpoint="/1"), (), 640),
        (partial(api_logs.list_calls, status=203), (), 480),
        (api_logs.search, ({"n": 3},), 274),
    ],
)
def test_pages_have_the_newest_rows_first_without_gap_or_overlap(
    filled: Database, read: Pages, key: tuple[object, ...], count: int
) -> None:
    """Two calls share each moment; pages end between them."""
    found = paged(read, filled, *key, limit=101)

    assert len(found) == count
    order = [(log.logged_at, log.log_id) for log in found]
    assert order == sorted(set(order), reverse=True)


LISTS: list[tuple[Pages, tuple[object, ...]]] = [
    (api_logs.list_calls, ()),
    (partial(api_logs.list_calls, user_id=2), ()),
    (partial(api_logs.list_calls, endpoint="/1"), ()),
    (partial(api_logs.list_calls, status=203), ()),
    (api_logs.search, ({"n": 3},)),
]


@pytest.mark.parametrize(("read", "key"), LISTS)
def test_a_window_includes_since_but_not_its_end(
    filled: Database, read: Pages, key: tuple[object, ...]
) -> None:
    """Both bounds are the times of rows."""
    everything = [log.logged_at for log in read(filled, *key, limit=1000)]
    until, since = everything[100], everything[200]
    moments = [log.logged_at for log in read(filled, *key, since=since, until=until, limit=1000)]

    assert moments == [moment for moment in everything if since <= moment < until]
    assert moments[-1] == since


def test_a_page_has_at_most_1000_rows(db: Database, observer: Observer) -> None:
    observer.rows(
        "insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request) "
        "select now(), 2, '/1', 'GET', 203, jsonb_build_object('n', 3) "
        "from generate_series(1, 1001)"
    )

    for read, key in LISTS:
        page = read(db, *key, limit=1000)
        assert len(page) == 1000, read
        assert len(read(db, *key, limit=1000, cursor=page.next)) == 1, read
        with pytest.raises(ParameterError, match=r"limit must be 1 to 1000$"):
            read(db, *key, limit=1001)


@pytest.mark.parametrize("user_id", [2, None])
@pytest.mark.parametrize("endpoint", ["/1", None])
@pytest.mark.parametrize("status", [203, None])
def test_filters_of_a_list_hold_together(
    filled: Database, user_id: int | None, endpoint: str | None, status: int | None
) -> None:
    read = partial(api_logs.list_calls, user_id=user_id, endpoint=endpoint, status=status)
    found = paged(read, filled, limit=1000)

    assert found == [
        log
        for log in paged(api_logs.list_calls, filled, limit=1000)
        if user_id in {None, log.user_id}
        and endpoint in {None, log.endpoint}
        and status in {None, log.status}
    ]
    assert found


# Search -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"symbol": "SBIN"}, 1),
        ({"legs": [{"symbol": "INFY"}]}, 1),
        ({"orderid": "1"}, 1),
        ({"symbol": "SBIN", "legs": []}, 1),
        ({}, 1),
        ({"orderid": 1}, 0),
        ({"symbol": "SBI"}, 0),
        ({"symbol": "SBIN", "orderid": "1"}, 0),
        ({"symbol": "%"}, 0),
    ],
)
def test_a_search_finds_what_a_request_or_a_response_contains(
    tx: Transaction, content: dict[str, object], found: int
) -> None:
    api_logs.record(tx, ORDER)

    assert len(api_logs.search(tx, content)) == found
    assert len(api_logs.search(tx, content, since=THEN)) == found


def test_a_search_may_be_for_one_user(tx: Transaction) -> None:
    api_logs.record(tx, ORDER)

    assert len(api_logs.search(tx, {"symbol": "SBIN"}, user_id=7)) == 1
    assert not api_logs.search(tx, {"symbol": "SBIN"}, user_id=8)


# Streams and counts -----------------------------------------------------------------------------


def test_an_export_streams_every_call_of_a_window_oldest_first(filled: Database) -> None:
    assert [log.logged_at for log in api_logs.stream(filled)] == sorted(
        log.logged_at for log in paged(api_logs.list_calls, filled, limit=1000)
    )
    moments = [log.logged_at for log in api_logs.stream(filled, since=THEN, until=THEN + DAY)]
    assert (moments[0], moments[-1], len(moments)) == (THEN, THEN + DAY - DAY / 24, 48)


def test_calls_are_counted_in_a_window_and_by_user(filled: Database) -> None:
    assert api_logs.count(filled) == 1920
    assert api_logs.count(filled, since=THEN, until=THEN + DAY) == 48
    assert api_logs.count(filled, user_id=2) == 384
    assert api_logs.count(filled, user_id=2, since=THEN, until=THEN + DAY) in {9, 10}


# Plans ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(oadb_server: Server, oadb_template: str) -> Generator[str]:
    """Give a database with 60,000 calls in three months, with mostly distinct bodies."""
    with (
        oadb_server.clone(oadb_template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        for month in (1, 2, 3):
            connection.execute(
                "call oadb.make_log_partition('api_logs', make_date(2026, %s, 1), '1 s', null)",
                [month],
            )
        connection.execute(
            "insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request, "
            "response) select timestamptz '2026-01-01' + n * interval '2 minutes', n % 1000, "
            "'/' || n % 50, 'POST', 200 + n % 50, jsonb_build_object('symbol', 'S' || n % 5000), "
            "jsonb_build_object('orderid', n::text) from generate_series(1, 60000) as n"
        )
        connection.execute("vacuum analyze oadb.api_logs")
        yield url


@pytest.mark.long("plans every list")
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("list_calls", "api_logs_202602_logged_at_log_id_idx"),
        ("list_calls +user_id", "api_logs_202602_pkey"),
        ("list_calls +endpoint", "api_logs_202602_endpoint_logged_at_log_id_idx"),
        ("list_calls +status", "api_logs_202602_status_logged_at_log_id_idx"),
        ("list_calls +user_id +endpoint +status", "api_logs_202602_"),
        ("count +user_id", "api_logs_202602_pkey"),
    ],
)
@pytest.mark.parametrize("window", ["", " +since +until", " +since +until +cursor"])
def test_each_list_is_served_by_its_index_in_its_order(
    large: str, name: str, index: str, window: str
) -> None:
    found = plan(
        large,
        "api_logs",
        name + (window if name.startswith("list_calls") else ""),
        since="'2026-02-01'",
        until="'2026-02-02'",
        last_logged_at="'2026-02-02'",
    )

    assert index in found
    assert "Seq Scan on api_logs_202602" not in found
    # A page without a sort, besides the merge of partitions, reads only its own rows.
    assert "Sort  (" not in found


@pytest.mark.long("fills the log")
@pytest.mark.parametrize("name", ["search", "search +user_id", "search +until +cursor"])
def test_a_search_is_served_by_the_indexes_of_both_bodies(large: str, name: str) -> None:
    found = plan(large, "api_logs", name)

    assert "api_logs_202602_request_idx" in found
    assert "api_logs_202602_response_idx" in found
    assert "Seq Scan on api_logs_202602" not in found


@pytest.mark.long("fills the log")
@pytest.mark.parametrize(
    "name",
    [
        "get",
        "list_calls +since +until",
        "list_calls +user_id +since",
        "search +since",
        "stream +since",
        "count",
        "count +user_id",
    ],
)
def test_partitions_before_a_window_are_pruned(large: str, name: str) -> None:
    """With a generic plan."""
    found = declaration(f"api_logs.{name}")
    values = {
        "logged_at": "'2026-03-01'",
        "log_id": "1",
        "since": "'2026-03-01'",
        "until": "'2026-03-02'",
        "content": "'{}'",
        "user_id": "1",
        "limit": "10",
    }
    given = ", ".join(values.get(name, "null") for name in found.statement.params)
    with psycopg.connect(large, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare planned as " + found.statement.sql)
        rows = connection.execute(f"explain (analyze) execute planned ({given})".encode())
        lines = [line for (line,) in rows if "never executed" not in line]

    assert any("Subplans Removed" in line for line in lines)
    read = [line for line in lines if " on api_logs_2026" in line]
    assert read
    assert [line for line in read if "api_logs_202601" in line or "api_logs_202602" in line] == []


def test_a_prepared_list_still_works_after_a_drop_of_a_partition(db: Database, url: str) -> None:
    fill(url)
    for _ in range(7):  # after these the server uses a generic plan
        api_logs.list_calls(db, user_id=2)
    partitions.drop(db, "api_logs", "api_logs_202601")

    assert Observer(url).ask("select count(*) from oadb.api_logs") == 1920 - 31 * 48
    assert len(paged(partial(api_logs.list_calls, user_id=2), db, limit=100)) in {86, 87}
