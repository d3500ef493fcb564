"""What the observers make of real calls: names, parents, and never a value."""

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from psycopg.errors import UniqueViolation

from oadb import AsyncDatabase, Database
from oadb.accounts import users
from oadb.errors import NoRowError
from oadb.integrations.opentelemetry import OpenTelemetryObserver
from oadb.integrations.prometheus import PrometheusObserver
from oadb.integrations.slow_statements import SlowStatements
from oadb.logs.writer import LogWriter
from tests.conftest import configured
from tests.support import log_rows


class Observed:
    """All observers of this package, and what they have exported."""

    def __init__(self) -> None:
        self.exporter, self.registry = InMemorySpanExporter(), CollectorRegistry()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = tracers.get_tracer("a service")
        self.observers = (
            PrometheusObserver(self.registry),
            OpenTelemetryObserver(tracers),
            SlowStatements(timedelta(0)),
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def parents(self) -> set[tuple[str, str]]:
        """Return each span that has a parent, with the name of the parent."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return {
            (span.name, names[span.parent.span_id])
            for span in self.spans
            if span.parent is not None
        }


@pytest.fixture
def observed(caplog: pytest.LogCaptureFixture) -> Observed:
    caplog.set_level(logging.WARNING, "oadb.slow_statements")
    return Observed()


@pytest.fixture
def db(observed: Observed, url: str) -> Iterator[Database]:
    with Database(configured(url), observer=observed.observers) as db:
        yield db


def test_a_call_is_told_to_each_by_the_name_of_its_query(
    observed: Observed, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    assert users.find_by_username(db, "nobody") is None

    called = {"query": "users.find_by_username"}
    assert observed.registry.get_sample_value("oadb_statement_seconds_count", called) == 1
    [span] = observed.spans
    assert span.name == "users.find_by_username"
    assert re.search(r"users\.sql:\d+$", str((span.attributes or {})["oadb.sql_place"]))
    [record] = caplog.records
    assert re.search(r"users\.find_by_username took .*users\.sql:\d+$", record.getMessage())


def test_the_statements_of_an_operation_belong_to_its_caller(
    observed: Observed, db: Database
) -> None:
    with observed.tracer.start_as_current_span("request"):
        user = users.create(db, "asha", "asha@example.in")
        users.delete(db, user.user_id)

    assert observed.parents() >= {("users._create", "users.create"), ("users.create", "request")}
    assert [span.name for span in observed.spans if span.parent is None] == ["request"]


def test_threads_are_told_apart(observed: Observed, db: Database) -> None:
    def work(number: int) -> None:
        with observed.tracer.start_as_current_span(f"request {number}"):
            users.count(db)

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert observed.parents() == {("users.count", f"request {number}") for number in range(3)}


async def test_tasks_are_told_apart(observed: Observed, url: str) -> None:
    async with AsyncDatabase(configured(url), observer=observed.observers) as adb:

        async def work(number: int) -> None:
            with observed.tracer.start_as_current_span(f"request {number}"):
                await users.count(adb)

        await asyncio.gather(*map(work, range(3)))

    assert observed.parents() == {("users.count", f"request {number}") for number in range(3)}


def test_a_transaction_is_told_with_the_function_that_began_it(
    observed: Observed, db: Database
) -> None:
    with db.transaction() as tx:
        users.count(tx)

    begun = "test_observed_calls.test_a_transaction_is_told_with_the_function_that_began_it"
    labels = {"transaction": begun, "outcome": "committed"}
    assert observed.registry.get_sample_value("oadb_transaction_seconds_count", labels) == 1
    assert [span.name for span in observed.spans] == ["users.count", begun]


def test_the_statements_of_a_transaction_are_children_of_its_span(
    observed: Observed, db: Database
) -> None:
    def place_order() -> None:
        with db.transaction() as tx:
            users.count(tx)
            with tx.transaction() as nested:
                users.find_by_username(nested, "nobody")
            with observed.tracer.start_as_current_span("step"):
                users.get(tx, 1)

    with observed.tracer.start_as_current_span("request"):
        place_order()
        users.find_by_email(db, "nobody@example.in")

    [order] = {name for name, _ in observed.parents() if name.endswith("place_order")}
    assert observed.parents() == {
        (order, "request"),
        ("users.count", order),
        ("users.find_by_username", order),
        ("step", "request"),  # the program's own spans are where it begins them
        ("users.get", "step"),
        ("users.find_by_email", "request"),
    }


def test_a_transaction_that_goes_on_in_another_thread_keeps_its_children(
    observed: Observed, db: Database
) -> None:
    with observed.tracer.start_as_current_span("request"), db.transaction() as tx:
        thread = threading.Thread(target=users.count, args=[tx])
        thread.start()
        thread.join()

    [parent] = [parent for name, parent in observed.parents() if name == "users.count"]
    assert parent.startswith("test_observed_calls.")


async def test_the_transactions_of_tasks_are_told_apart(observed: Observed, url: str) -> None:
    async with AsyncDatabase(configured(url), observer=observed.observers) as adb:
        have_begun = asyncio.Barrier(3)

        async def work(number: int) -> None:
            with observed.tracer.start_as_current_span(f"request {number}"):
                async with adb.transaction() as tx:
                    await have_begun.wait()
                    await users.count(tx)

        await asyncio.gather(*map(work, range(3)))

    spans = {span.context.span_id: span for span in observed.spans if span.context}
    counts = [span for span in observed.spans if span.name == "users.count" and span.parent]
    begun = [spans[span.parent.span_id] for span in counts if span.parent]
    above = {spans[span.parent.span_id].name for span in begun if span.parent}
    assert above == {f"request {number}" for number in range(3)}


def test_a_transaction_that_is_rolled_back_has_its_span_as_well(
    observed: Observed, db: Database
) -> None:
    with pytest.raises(NoRowError), db.transaction() as tx:
        users.update(tx, 1, is_admin=True)

    done = observed.spans[-1]
    assert (done.attributes or {})["oadb.outcome"] == "rolled back"
    assert (done.attributes or {})["error.type"] == "NoRowError"
    assert {parent for _, parent in observed.parents()} == {done.name}


def test_a_log_writer_tells_of_its_batches(observed: Observed, url: str) -> None:
    with LogWriter(configured(url), observer=observed.observers) as logs:
        logs.record(log_rows.request())

    written = observed.registry.get_sample_value("oadb_writer_rows_total", {"writer": "traffic"})
    assert written == 1


def test_no_value_is_told_of_calls_that_succeed_or_fail(
    observed: Observed, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    users.create(db, "very_private", "very_private@example.in")
    with pytest.raises(UniqueViolation):
        users.create(db, "very_private", "very_private@example.in")

    told = [
        generate_latest(observed.registry).decode(),
        *(span.to_json() for span in observed.spans),
        *(str(record.__dict__) for record in caplog.records),
    ]
    assert [text for text in told if "very_private" in text] == []
    failed = {"query": "users._create", "error": "KeyTakenError", "sqlstate": "23505"}
    assert observed.registry.get_sample_value("oadb_statement_errors_total", failed) == 1
    assert any("23505" in text for text in told[1:])
