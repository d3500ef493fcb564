"""Metrics for Prometheus, and the dashboard that shows them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from oadb import Database
from oadb.bans.live_bans import LiveBans
from oadb.engine import dsn
from oadb.engine.observing import (
    ConnectionChange,
    RowsDropped,
    RowsWritten,
    WaitFailed,
    WriteFailed,
)
from oadb.integrations import prometheus_calls, prometheus_shared
from oadb.integrations.prometheus import PrometheusObserver
from oadb.logs.writer import LogWriter
from oadb.market import instruments
from tests.conftest import configured
from tests.support import log_rows
from tests.support.observed import begun, statement, transaction


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry(auto_describe=True)


@pytest.fixture(params=["counted in memory", "shared by processes"])
def metrics(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> PrometheusObserver:
    if request.param == "shared by processes":
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")  # prometheus_client is imported
    return PrometheusObserver(registry)


def hear_everything(metrics: PrometheusObserver) -> None:
    metrics.statement(statement())
    metrics.statement(statement(error="UniqueViolation", sqlstate="23505", retries=1))
    metrics.transaction(transaction())
    metrics.transaction(transaction(error="ValueError", retries=2))
    metrics.wait_failed(WaitFailed("users.get", 30.0, "timed out", 4))
    metrics.connection(ConnectionChange("replaced", "expired"))
    metrics.rows_written(RowsWritten("traffic", 50, 1, 0.004, 0, 3))
    metrics.rows_dropped(RowsDropped("traffic", 7))
    metrics.write_failed(WriteFailed("traffic", "OperationalError", "57P01", 53))


# What is heard ---------------------------------------------------------------------------------


def test_a_call_is_counted_and_timed_by_its_query(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    hear_everything(metrics)

    query = {"query": "users.get"}
    assert registry.get_sample_value("oadb_statement_seconds_count", query) == 2
    assert registry.get_sample_value("oadb_statement_seconds_sum", query) == 0.06
    assert registry.get_sample_value("oadb_statement_waiting_seconds_total", query) == 0.02
    assert registry.get_sample_value("oadb_statement_server_seconds_total", query) == 0.03
    assert registry.get_sample_value("oadb_statement_rows_total", query) == 4
    assert registry.get_sample_value("oadb_statement_retries_total", query) == 1
    failed = {**query, "error": "UniqueViolation", "sqlstate": "23505"}
    assert registry.get_sample_value("oadb_statement_errors_total", failed) == 1


def test_a_transaction_is_timed_by_the_function_that_began_it(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    hear_everything(metrics)

    begun = {"transaction": "observed.place_order"}
    for outcome in ("committed", "rolled back"):
        labels = {**begun, "outcome": outcome}
        assert registry.get_sample_value("oadb_transaction_seconds_count", labels) == 1
    assert registry.get_sample_value("oadb_transaction_retries_total", begun) == 2


def test_only_who_takes_a_connection_waits_for_one(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    metrics.statement(statement(transaction=begun()))
    assert registry.get_sample_value("oadb_pool_wait_seconds_count") == 0

    hear_everything(metrics)
    assert registry.get_sample_value("oadb_pool_wait_seconds_count") == 4


def test_pools_and_writers_are_counted(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    hear_everything(metrics)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"oadb_{name}_total", labels)

    assert value("pool_failed_waits", reason="timed out") == 1
    assert value("pool_connection_changes", change="replaced", reason="expired") == 1
    assert value("writer_rows", writer="traffic") == 50
    assert value("writer_rejected_rows", writer="traffic") == 1
    assert value("writer_dropped_rows", writer="traffic") == 7
    assert value("writer_failures", writer="traffic") == 1


def test_names_beyond_the_bound_share_one_series(
    registry: CollectorRegistry, metrics: PrometheusObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus_calls, "MOST_NAMES", 2)
    monkeypatch.setattr(prometheus_shared, "MOST_NAMES", 2)
    for number in range(5):
        metrics.statement(statement(f"made.query_{number}", error="ValueError"))
        metrics.transaction(transaction())

    def count(label: str) -> float | None:
        return registry.get_sample_value("oadb_statement_seconds_count", {"query": label})

    assert [count(f"made.query_{number}") for number in range(5)] == [1, 1, None, None, None]
    assert count("other") == 3
    failed = {"query": "other", "error": "ValueError", "sqlstate": ""}
    assert registry.get_sample_value("oadb_statement_errors_total", failed) == 3


def test_times_are_counted_in_the_bucket_that_bounds_them(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    for seconds in (0.0, 0.0005, 0.0006, 10.0, 11.0):
        metrics.statement(statement(seconds=seconds))

    def below(bound: str) -> float | None:
        labels = {"query": "users.get", "le": bound}
        return registry.get_sample_value("oadb_statement_seconds_bucket", labels)

    assert [below(bound) for bound in ("0.0005", "0.001", "10.0", "+Inf")] == [2, 3, 4, 5]


def test_a_second_observer_of_a_registry_is_refused(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    assert isinstance(metrics, PrometheusObserver)
    with pytest.raises(ValueError, match="has the metrics of oadb already"):
        PrometheusObserver(registry)


# What is read ----------------------------------------------------------------------------------


def test_the_state_of_pools_logs_and_copies_is_read_when_it_is_asked_for(
    registry: CollectorRegistry, metrics: PrometheusObserver, url: str
) -> None:
    request = log_rows.request()
    config = configured(url)
    with Database(config) as db, LogWriter(config) as logs, LiveBans(db) as bans:
        metrics.watch_pool(db)
        metrics.watch_logs(logs)
        metrics.watch_follower("bans", bans)
        logs.record(request)
        with db.transaction():
            leased = {"pool": "main", "state": "leased"}
            assert registry.get_sample_value("oadb_pool_connections", leased) == 1
        assert registry.get_sample_value("oadb_pool_most_connections", {"pool": "main"}) == 11
        stored = {"table": "traffic", "result": "stored"}
        assert registry.get_sample_value("oadb_log_rows_total", stored) == 1
        age = registry.get_sample_value("oadb_follower_age_seconds", {"follower": "bans"})
        assert age is not None
        assert 0 <= age < 60
        text = generate_latest(registry).decode()
    assert 'oadb_log_failing{table="traffic"} 0.0' in text
    assert 'oadb_follower_failing{follower="bans"} 0.0' in text


# The dashboard ---------------------------------------------------------------------------------

DASHBOARD = json.loads(files("oadb.integrations").joinpath("grafana_dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
OBSERVING = Path(__file__).parents[2] / "docs" / "observing.md"


def exported(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    """Yield the names that Prometheus stores, each with the names of its labels."""
    for metric in registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith("_created"):
                yield sample.name, {*sample.labels}


@pytest.fixture
def everything(
    registry: CollectorRegistry, metrics: PrometheusObserver, url: str
) -> dict[str, set[str]]:
    """Give each exported name with the names of its labels."""
    config = replace(configured(url), read_hosts=dsn.parse_hosts(url))
    with Database(config) as db, LogWriter(config) as logs:
        bans = LiveBans(db)
        assert instruments.list_brokers(db.reads()) == []
        metrics.watch_pool(db)
        metrics.watch_logs(logs)
        metrics.watch_follower("bans", bans)
        request = log_rows.request()
        logs.record(request)
        hear_everything(metrics)
        return dict(exported(registry))


def used(query: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the metrics of a query of the dashboard with the labels that it groups them by."""
    groups = {
        label.strip()
        for group in re.findall(r"\bby \(([^)]*)\)", query)
        for label in group.split(",")
    }
    for name in re.findall(r"\boadb_\w+", query):
        yield name, groups


def test_every_metric_and_label_of_the_dashboard_is_exported(
    everything: dict[str, set[str]],
) -> None:
    found = [each for query in QUERIES for each in used(query)]

    assert len(QUERIES) > 25
    assert [name for name, labels in found if not labels <= everything.get(name, set())] == []


def test_the_dashboard_shows_every_metric(everything: dict[str, set[str]]) -> None:
    def base(name: str) -> str:
        return re.sub(r"_(bucket|count|sum)$", "", name)

    shown = {base(name) for query in QUERIES for name, _ in used(query)}

    assert shown == {base(name) for name in everything}


def test_legends_name_labels_of_their_query() -> None:
    wrong = [
        target["legendFormat"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
        if not {*re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])}
        <= {label for _, labels in used(target["expr"]) for label in labels}
    ]

    assert wrong == []


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({*places}) == len(places)
    assert max(x for x, _ in places) < 24


def test_the_page_names_every_metric(everything: dict[str, set[str]]) -> None:
    listed = {*re.findall(r"`(oadb_\w+)`", OBSERVING.read_text())}

    assert listed == {re.sub(r"_(bucket|count|sum)$", "", name) for name in everything}


# Processes -------------------------------------------------------------------------------------

SEVERAL = """
import sys
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from oadb.integrations.prometheus import PrometheusObserver
from tests.support.observed import statement

PrometheusObserver().statement(statement())
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


@pytest.mark.long("starts two programs")
def test_several_processes_add_up_what_is_heard_and_leave_out_what_is_read(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SEVERAL],
            env={"PYTHONPATH": ":".join(sys.path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )

    assert 'oadb_statement_seconds_count{query="users.get"} 2.0' in done.stdout
    assert "oadb_pool_connections" not in done.stdout
