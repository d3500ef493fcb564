"""Log writers redact rows before they queue them; no secret and no hostile value gets through."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from oadb import Config, Secret
from oadb.accounts import api_key_rows
from oadb.errors import ParameterError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writer import Limits, LogRow, LogWriter
from tests.support.log_rows import drained, request
from tests.support.payloads import hostile
from tests.support.rig import Observer


def everything(observer: Observer) -> str:
    tables = ["api_logs", "analyzer_logs", "traffic", "latency", "log_rejects", "log_drops"]
    return "".join(
        observer.ask(f"select coalesce(string_agg(t::text, ''), '') from oadb.{name} as t")
        for name in tables
    )


def planted(canary: str) -> Iterator[LogRow]:
    """Yield rows with the canary in every field, alone or in a text, and at any depth."""
    header, url = f"Authorization: Bearer {canary}", f"/x?apikey={canary}&symbol=SBIN"
    bodies: list[dict[Any, Any]] = [
        {"apikey": canary},
        {canary: 1},
        {"symbol": url},
        {"data": [{"headers": {"a": canary}}]},
        {"message": header},
        {"error": f'{{"password": "{canary}"}}'},
        {"data": {canary: {canary}}},
        {"data": {"symbol": canary.encode()}},
        {"message": f"%61pikey%3D{canary}"},
    ]
    for body in bodies:
        yield api_logs.Call(
            endpoint=url, method="POST", status=200, request=body, response=body, error=header
        )
        yield api_logs.Call(endpoint=url, method=header, status=99, request=body, ip=header)
        yield analyzer_logs.Analysis(api_type=url, request=body, response=body)
    for text in [canary, url, header, f"cookie: session={canary}", f"a\nSet-Cookie: {canary}"]:
        names = [field.name for field in fields(traffic.Request)]
        for name in names:
            yield request(**{name: text})
        for name in (field.name for field in fields(latency.Timing)):
            yield replace(latency.Timing(total_ms=1.0, outcome="failed"), **{name: text})


def test_no_canary_reaches_the_tables_the_rejects_the_queue_or_an_error(
    config: Config, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    canary = api_key_rows.TOKEN.new(1).reveal()
    logs = LogWriter(config, limits=Limits(flush_seconds=60))
    rows = [*planted(canary)]
    said = []
    for row in rows:
        assert logs.offer(row)
    queued = repr([[*lane.queue._entries] for lane in logs._worker._lanes.values()])
    for row in rows[:6]:
        try:
            logs.record(row, timeout_seconds=30)
        except ParameterError as error:
            said.append(str(error))
    assert logs.close(deadline_seconds=60) == 0
    stats = logs.stats()

    assert canary not in queued
    assert canary not in everything(observer)
    assert canary not in "".join(said) + caplog.text + repr(stats)
    assert stats.stored + stats.rejected == stats.accepted > len(rows)
    assert stats.rejected == observer.ask("select count(*) from oadb.log_rejects") > 0
    assert said


def test_hostile_bodies_are_stored_and_hurt_no_caller(logs: LogWriter, observer: Observer) -> None:
    bodies = [*hostile()]
    for name, body in bodies:
        assert logs.offer(
            api_logs.Call(endpoint=name, method="POST", status=200, request=body, response=None)
        )  # type: ignore[arg-type]  # hostile
        assert logs.offer(request(path=body, endpoint=name))
    drained(logs)
    stored = observer.rows("select endpoint from oadb.api_logs")

    assert {name for (name,) in stored} == {name for name, _ in bodies}
    assert logs.stats().rejected == 0
    assert observer.ask("select count(*) from oadb.traffic") == len(bodies)
    assert observer.ask("select max(octet_length(t::text)) from oadb.traffic as t") < 300_000
    assert "correcthorse" not in everything(observer)


def test_a_body_that_changes_after_write_is_stored_as_it_was(
    logs: LogWriter, observer: Observer
) -> None:
    body: dict[str, object] = {"symbol": "SBIN", "orders": [1]}
    logs.offer(api_logs.Call(endpoint="/x", method="POST", status=200, request=body))
    body.clear()
    drained(logs)

    assert observer.ask("select request from oadb.api_logs") == {"symbol": "SBIN", "orders": [1]}


def test_additional_fields_are_kept_by_name(config: Config, observer: Observer) -> None:
    with LogWriter(config, fields=["colour"]) as logs:
        logs.record(
            api_logs.Call(
                endpoint="/x?colour=red", method="GET", status=200, request={"Colour": Secret("x")}
            )
        )

    assert observer.rows("select endpoint, request from oadb.api_logs") == [
        ("/x?colour=red", {"Colour": "[Secret]"})
    ]
