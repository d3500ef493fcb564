"""A role that row-level security does not bind copies its rows: the same rows as by an INSERT."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic_ns
from typing import Any, NoReturn

import psycopg
import pytest

from oadb import Config
from oadb.engine import dsn
from oadb.errors import DeclarationError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writer import _TABLES, LogRow, LogWriter
from oadb.logs.writing.encoding import Clock, copied
from oadb.logs.writing.log_tables import table
from tests.support.hostile import TEXTS
from tests.support.log_rows import QUICK, ROWS, request
from tests.support.rig import Observer

ODD = ["\\N", "\\.", "\\", "a\tb\nc\rd\\", "NULL", "", '"', "{,}", "\u2028\x00\ud800", "\u0939"]


@contextmanager
def writing(config: Config, observer: Observer, way: str, role: str) -> Generator[LogWriter]:
    """Give a writer that may only write logs, and only by *way*: ``store`` or ``copy``."""
    walled = "nobypassrls" if way == "store" else "bypassrls"
    observer.rows(f"create role {role} login {walled} in role oadb_log")
    limited = replace(config, dsn=dsn.Dsn({**config.dsn.keywords, "user": role}))

    def other(*_: object) -> NoReturn:
        raise AssertionError(f"not by {way}")

    try:
        with LogWriter(limited, limits=QUICK) as logs:
            for lane in logs._worker._lanes.values():
                ways: dict[str, Any] = {
                    "store": other,
                    "copy": other,
                    way: getattr(lane.table, way),
                }
                lane.table = replace(lane.table, **ways)
            yield logs
            assert logs.close() == 0
    finally:
        observer.rows(f"drop owned by {role}")
        observer.rows(f"drop role {role}")


def rows_of(observer: Observer, name: str) -> list[Any]:
    shown = "to_jsonb(t) - '{log_id,logged_at}'::text[]"
    return observer.rows(f"select {shown} from oadb.{name} as t order by log_id")


def odd_rows() -> list[LogRow]:
    texts = [*ODD, *TEXTS[::40]]
    return [
        *ROWS,
        *(request(path=each, host=None, endpoint=each, user_id=place % 3 or None)
          for place, each in enumerate(texts)),
        *(api_logs.Call(endpoint=each, method="X", status=200, user_id=5, request={"message": each})
          for each in texts),
    ]  # fmt: skip  # a list of three parts


def test_copied_rows_are_the_rows_that_an_insert_stores(config: Config, observer: Observer) -> None:
    found: list[dict[str, list[Any]]] = []
    for way in ("store", "copy"):
        with writing(config, observer, way, f"compared_{way}") as logs:
            rows = odd_rows()
            for row in rows:
                assert logs.offer(row)
            assert logs.drain(deadline_seconds=30) == 0
            assert logs.stats().stored == len(rows)
        found.append({each.name: rows_of(observer, each.name) for each in _TABLES})
        observer.rows("truncate oadb.api_logs, oadb.analyzer_logs, oadb.traffic, oadb.latency")

    assert found[0] == found[1]
    assert len(found[0]["traffic"]) > 20


def test_copied_rows_of_nobody_are_divided_as_inserted_ones(
    config: Config, observer: Observer
) -> None:
    calls = [api_logs.Call(endpoint=f"/{n}", method="GET", status=200) for n in range(200)]
    with writing(config, observer, "copy", "of_nobody") as logs:
        for call in calls:
            assert logs.offer(call)

    [(least, most, different)] = observer.rows(
        "select min(user_id), max(user_id), count(distinct user_id) from oadb.api_logs"
    )
    assert -64 <= least < most <= -1
    assert different > 10
    assert not observer.ask("select count(*) from oadb.log_rejects")


def test_a_refused_row_among_copied_ones_is_found_and_the_others_are_stored(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=QUICK) as logs:
        for number in range(20):
            assert logs.offer(request(number, status=5 if number == 7 else 200))
        assert logs.drain(deadline_seconds=30) == 0

        assert (logs.stats().stored, logs.stats().rejected) == (19, 1)
    assert "status" in observer.ask("select reason from oadb.log_rejects")


def test_copied_rows_have_a_line_each_and_one_with_an_invalid_address_is_left_out() -> None:
    traffics = next(each for each in _TABLES if each.name == "traffic")
    stamp = monotonic_ns()
    rows = [request(1), request(2, ip="x"), request(3, host="a\\b", error=None)]
    entries = [(stamp, traffics.texts(row) + traffics.others(row), 0, None) for row in rows]
    lines, unfit = copied(traffics, entries, Clock(datetime(2026, 1, 2, tzinfo=UTC), stamp))

    assert [each.split("\t")[3] for each in lines.decode().splitlines()] == ["/1", "/3"]
    assert [reason for _, reason in unfit] == ["ip is not an IP address"]
    assert "a\\\\b" in lines.decode()
    assert copied(traffics, [], Clock(datetime(2026, 1, 2, tzinfo=UTC), stamp)) == (b"", [])


@pytest.mark.parametrize(
    ("row", "store", "copy"),
    [
        (traffic.Request, traffic.store, latency.copy_in),
        (analyzer_logs.Analysis, analyzer_logs.store, api_logs.copy_in),
    ],
)
def test_a_table_copies_the_columns_that_it_inserts(row: type, store: Any, copy: Any) -> None:
    with pytest.raises(DeclarationError, match=r"copy_in must copy the same columns"):
        table(row, store, copy)


def test_copy_is_refused_where_row_level_security_binds(config: Config, observer: Observer) -> None:
    """What oadb asks of the server is what the server answers to a COPY."""
    observer.rows("create role only_copies login in role oadb_log")
    try:
        keywords: dict[str, Any] = {**config.dsn.keywords, "user": "only_copies"}
        with psycopg.connect(**keywords, autocommit=True) as connection:
            walled: Sequence[Any] = connection.execute(
                "select row_security_active('oadb.traffic')"
            ).fetchall()
            assert walled == [(True,)]
            # A cluster refuses the first row, one server the command.
            command = "copy oadb.traffic (ip, method, path, status, duration_ms) from stdin"
            with (
                pytest.raises(psycopg.errors.FeatureNotSupported),
                connection.cursor().copy(command) as copy,
            ):
                copy.write_row(("::1", "GET", "/", 200, 1))
    finally:
        observer.rows("drop owned by only_copies")
        observer.rows("drop role only_copies")
