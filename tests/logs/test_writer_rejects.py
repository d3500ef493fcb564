"""Rows that a table refuses go to log_rejects, and do not keep the others of their batch out."""

from typing import Any

from oadb import Config
from oadb.logs import api_logs
from oadb.logs.writer import Limits, LogWriter
from tests.support.hostile import incompressible
from tests.support.log_rows import drained, request
from tests.support.rig import Observer


def test_only_invalid_rows_are_rejected_and_the_others_are_stored(
    config: Config, observer: Observer
) -> None:
    poison: dict[int, dict[str, Any]] = {
        0: {"status": 5}, 17: {"ip": "nonsense"}, 18: {"user_id": 2**70}, 400: {"path": None},
        401: {"duration_ms": float("nan")}, 700: {"status": "many"}, 998: {"user_id": 10**5000},
        999: {"ip": None},
    }  # fmt: skip  # a table
    logs = LogWriter(config, limits=Limits(flush_seconds=60))
    for number in range(1000):
        logs.offer(request(number, **poison.get(number, {})))
    assert logs.close(deadline_seconds=60) == 0
    parked = observer.rows("select row_text, reason, table_name from oadb.log_rejects")

    assert observer.ask("select count(distinct path) from oadb.traffic") == 992
    assert len(parked) == 8
    assert {table for _, _, table in parked} == {"traffic"}
    assert [f"path: /{number}," in "".join(text for text, *_ in parked) for number in poison] == [
        number != 400 for number in poison
    ]
    assert logs.stats().rejected == 8
    assert logs.stats().batches == 1
    assert observer.rows("select rows from oadb.log_batches") == [(1000,)]


def test_a_batch_of_only_invalid_rows_is_completed(config: Config, observer: Observer) -> None:
    logs = LogWriter(config, limits=Limits(flush_seconds=60))
    for number in range(20):
        logs.offer(request(number, status=number))
        logs.offer(request(number, ip="x"))
    assert logs.close(deadline_seconds=60) == 0

    assert observer.ask("select count(*) from oadb.log_rejects") == 40
    assert observer.ask("select count(*) from oadb.traffic") == 0


def test_a_rejected_row_is_cut_and_has_its_reason(logs: LogWriter, observer: Observer) -> None:
    logs.offer(request(status=5, path="/a b" * 5000, error="c d " * 5000))
    drained(logs)
    [(text, reason)] = observer.rows("select row_text, reason from oadb.log_rejects")

    assert len(text) <= 2000
    assert "traffic_status_check" in reason
    assert "/a b" not in reason


def test_a_row_too_large_for_an_index_is_rejected(logs: LogWriter, observer: Observer) -> None:
    for endpoint in ("/before", incompressible(990), "/behind"):
        logs.offer(api_logs.Call(endpoint=endpoint, method="GET", status=200))
    drained(logs)

    assert observer.ask("select count(*) from oadb.api_logs") == 2
    [(reason,)] = observer.rows("select reason from oadb.log_rejects")
    assert "api_logs.store: index row size" in reason


def test_refused_rows_of_a_large_batch_are_looked_for_in_smaller_ones(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=Limits(flush_rows=10_000, flush_seconds=60)) as logs:
        for number in range(3000):
            logs.offer(request(number, status=5 if number == 2900 else 200))
        assert logs.drain(deadline_seconds=60) == 0

    assert observer.ask("select count(distinct path) from oadb.traffic") == 2999
    assert observer.ask("select count(*) from oadb.log_rejects") == 1
    assert observer.ask("select sum(rows) from oadb.log_batches") == 3000
    assert observer.ask("select max(rows) from oadb.log_batches") < 3000
