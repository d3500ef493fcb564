"""Encoded rows are stored as they were given, dated by the clock of the database."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb.errors import DeclarationError
from oadb.logs import latency, traffic
from oadb.logs.redaction import Redaction
from oadb.logs.texts import visible
from oadb.logs.writer import _TABLES
from oadb.logs.writing.encoding import Clock, Texts, Unfit, encoded
from oadb.logs.writing.log_tables import LogTable, table
from oadb.logs.writing.queue import Entry
from tests.support.hostile import TEXTS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("note", "number", "ratio", "body", "ip")
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Rows = Sequence[tuple[object, ...]]


@dataclass(frozen=True)
class Encoded:
    """A table, with what the encoding uses of a LogTable."""

    order: tuple[int, ...] = tuple(range(len(COLUMNS)))
    address: int | None = 4


def entries(rows: Rows, stamp: int = 0) -> list[Entry]:
    return [(stamp, row, 0, None) for row in rows]


def columns(rows: Rows) -> tuple[Texts, Unfit]:
    clock = Clock(datetime.now(UTC), monotonic_ns())
    table: Any = Encoded()
    return encoded(table, entries(rows, clock.monotonic), clock)


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        connection.execute(
            "create temporary table encoded (place int generated always as identity, "
            "logged_at timestamptz, note text, number bigint, ratio float8, body jsonb, ip inet)"
        )
        yield connection


def stored(connection: psycopg.Connection, rows: Rows) -> list[tuple[Any, ...]]:
    arrays, _ = columns(rows)
    connection.execute("truncate encoded")
    connection.execute(
        "insert into encoded (logged_at, note, number, ratio, body, ip) select * from unnest("
        "%s::timestamptz[], %s::text[], %s::bigint[], %s::float8[], %s::jsonb[], %s::inet[])",
        arrays,
    )
    found = connection.execute(
        "select note, number, ratio, body, host(ip) from encoded order by place"
    )
    return found.fetchall()


def escaped(rows: Rows) -> list[tuple[object, ...]]:
    return [(visible(note) if isinstance(note, str) else note, *rest) for note, *rest in rows]


any_row = st.tuples(
    st.none() | st.text(st.characters(codec=None)) | st.sampled_from(TEXTS[:400]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none(),
    st.none() | st.ip_addresses().map(str),
)


@pytest.mark.long("hundreds of random rows")
@SETTINGS
@given(rows=st.lists(any_row, max_size=30))
def test_stored_rows_equal_the_given_rows(connection: psycopg.Connection, rows: Rows) -> None:
    found = stored(connection, rows)
    without = [row[:4] for row in found]

    assert without == [row[:4] for row in escaped(rows)]
    assert [row[4] is None for row in found] == [row[4] is None for row in rows]


@SETTINGS
@given(st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=30))
def test_any_text_is_stored_in_a_body(connection: psycopg.Connection, texts: list[str]) -> None:
    redaction = Redaction()
    bodies = [redaction.body({"message": text}) for text in texts]
    found = stored(connection, [(None, None, None, body, None) for body in bodies])

    assert [row[3].keys() for row in found] == [{"message"}] * len(texts)
    for text, (_, _, _, body, _) in zip(texts, found, strict=True):
        if text.isalpha() and len(text) < 40:
            assert body == {"message": text}


@pytest.mark.parametrize("rows", [0, 1, 499, 500, 501, 1200])
def test_rows_keep_their_order(connection: psycopg.Connection, rows: int) -> None:
    given = [(f"row {n}", n, n / 7, None, "203.0.113.7") for n in range(rows)]

    assert stored(connection, given) == given


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        pytest.param(1, 10**5000, id="large"),
        (1, 2**63),
        (1, True),
        (1, "NULL"),
        (1, "1,2"),
        (1, "{1}"),
        (2, "x"),
        (3, "{"),
        pytest.param(3, 1.5j, id="complex"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_refused_by_the_server(
    connection: psycopg.Connection, column: int, wrong: object
) -> None:
    row: list[object] = [None] * 5
    row[column] = wrong
    with pytest.raises(psycopg.DataError) as refused:
        stored(connection, [tuple(row)])

    assert (refused.value.sqlstate or "").startswith("22")


def test_a_row_with_an_invalid_address_is_left_out_with_the_reason() -> None:
    good = ("a", 1, 1.0, None, "203.0.113.7")
    for bad in ["", "x", "203.0.113.7/8", "fe80::1%eth0", 5, True, "1.2.3.4, 5.6.7.8"]:
        found, unfit = columns([good, (*good[:4], bad), good])

        assert found[1] == '{"a","a"}'
        assert [(entry[1][4], reason) for entry, reason in unfit] == [
            (bad, "ip is not an IP address")
        ]


def test_an_ipv4_mapped_address_is_stored_as_ipv4_as_in_bans(
    connection: psycopg.Connection,
) -> None:
    rows = [(None, None, None, None, "::ffff:203.0.113.7"), (None, None, None, None, None)]

    assert [row[4] for row in stored(connection, rows)] == ["203.0.113.7", None]


@given(
    st.integers(10**15, 4 * 10**15).map(lambda us: EPOCH + timedelta(microseconds=us)),
    st.lists(st.integers(0, 10**14), min_size=1, max_size=20),
)
def test_times_are_the_time_of_the_database_minus_the_age(now: datetime, ages: list[int]) -> None:
    monotonic = 10**15
    times = Clock(now, monotonic).times([monotonic - age for age in ages])

    assert [datetime.fromisoformat(text) for text in times] == [
        now - timedelta(microseconds=age // 1000) for age in ages
    ]


def test_log_tables_follow_their_statements() -> None:
    known: dict[str, LogTable] = {each.name: each for each in _TABLES}
    request = traffic.Request(
        ip="::1", method="GET", path="/x", status=200, duration_ms=1.5, user_id=7
    )

    values, _ = known["traffic"].redacted(request, Redaction())
    assert dict(zip(known["traffic"].names, values, strict=True)) == asdict(request)
    assert [known["traffic"].names[place] for place in known["traffic"].order] == [
        "ip",
        "method",
        "path",
        "endpoint",
        "status",
        "duration_ms",
        "host",
        "user_id",
        "error",
    ]
    assert {name: len(each.bodies) for name, each in known.items()} == {
        "api_logs": 2,
        "analyzer_logs": 2,
        "traffic": 0,
        "latency": 0,
    }
    with pytest.raises(DeclarationError, match=r"traffic\.store must .* the fields of Timing"):
        table(latency.Timing, traffic.store, traffic.copy_in)
