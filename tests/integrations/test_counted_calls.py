"""Calls that are counted in memory for Prometheus: by many threads, interrupted, and in forks."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from oadb.engine.observing import StatementDone
from oadb.integrations.prometheus import PrometheusObserver
from tests.support.forks import in_child
from tests.support.observed import statement, transaction


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusObserver:
    return PrometheusObserver(registry)


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Have threads interrupt each other as often as Python can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_hasty")
def test_no_call_of_several_threads_is_lost(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    done, ended = statement(retries=1), transaction(retries=2)

    def hear(_: int) -> None:
        for _ in range(1000):
            metrics.statement(done)
            metrics.transaction(ended)

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(hear, range(4))] == [None] * 4

    query, begun = {"query": "users.get"}, {"transaction": "observed.place_order"}
    assert registry.get_sample_value("oadb_statement_seconds_count", query) == 4000
    assert registry.get_sample_value("oadb_statement_rows_total", query) == 8000
    assert registry.get_sample_value("oadb_statement_retries_total", query) == 4000
    assert registry.get_sample_value("oadb_transaction_retries_total", begun) == 8000
    assert registry.get_sample_value("oadb_pool_wait_seconds_count") == 8000


@dataclass(frozen=True, slots=True)
class Interrupting:
    """A number of rows; something else is done while it is added."""

    work: Callable[[], object]

    def __radd__(self, rows: int) -> int:
        self.work()
        return rows + 1


def interrupted(work: Callable[[], object]) -> StatementDone:
    rows: Any = Interrupting(work)
    return statement()._replace(rows=rows)


def test_a_call_may_be_counted_while_the_same_thread_counts_another(
    registry: CollectorRegistry, metrics: PrometheusObserver
) -> None:
    # As when the garbage collector closes a stream that nobody read to its end.
    metrics.statement(interrupted(lambda: metrics.statement(statement("orders.stream"))))

    for name in ("users.get", "orders.stream"):
        query = {"query": name}
        assert registry.get_sample_value("oadb_statement_seconds_count", query) == 1


def test_a_child_that_was_forked_while_a_thread_counted_goes_on(
    metrics: PrometheusObserver,
) -> None:
    is_counting, may_end = Event(), Event()

    def pause() -> None:
        is_counting.set()
        may_end.wait(60)

    counter = Thread(target=metrics.statement, args=[interrupted(pause)])
    counter.start()
    assert is_counting.wait(60)

    answer = in_child(lambda: metrics.statement(statement()))
    may_end.set()
    counter.join()
    assert answer == "None"
