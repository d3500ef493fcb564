"""Which tests run on a Citus cluster, with ``OADB_TEST_LAYOUT=citus``: those that ask it.

A test that asks no server, or servers of its own, says the same there as elsewhere, and is left
out. Those of LISTED run and fail there; a run in which one of them passes fails, as its line is to
be deleted.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from oadb.testing.chosen_layout import is_cluster
from tests.support.citus_cluster import needs_citus

_GIVEN = frozenset({"oadb_server", "oadb_database_url"})
"""Fixtures that lead to the server of the run."""

_OWN = frozenset({"prepared"})
"""Fixtures that start servers beside it."""

_PATIENCE = 600
"""Seconds for a test: the first of a worker waits until tables are distributed."""

_PLANS = "reads the plan of a log for any values, which Citus does not make: workers plan its parts"

LISTED = {
    "tests/logs/test_analyzer_logs.py::test_a_day_is_read_from_its_partition_by_its_index": _PLANS,
    "tests/logs/test_api_logs.py::test_a_search_is_served_by_the_indexes_of_both_bodies": _PLANS,
    "tests/logs/test_api_logs.py::test_each_list_is_served_by_its_index_in_its_order": _PLANS,
    "tests/logs/test_api_logs.py::test_partitions_before_a_window_are_pruned": _PLANS,
    "tests/logs/test_partitions.py::"
    "test_a_partition_made_ahead_does_not_wait_for_readers_or_writers": (
        "Citus locks all partitions of a log for who writes it, so that making one waits"
    ),
    "tests/logs/test_path_traffic.py::test_the_log_is_read_once_for_all_prefixes": _PLANS,
    "tests/logs/test_traffic.py::test_no_statement_scans_the_whole_table": _PLANS,
    "tests/logs/test_traffic.py::test_partitions_after_a_page_are_pruned": _PLANS,
    "tests/logs/test_traffic.py::test_statistics_read_no_row_that_is_rolled_up": _PLANS,
    "tests/logs/test_writer_copies.py::test_copied_rows_are_the_rows_that_an_insert_stores": (
        "stores rows as a role that row-level security binds, which no writer on Citus may be"
    ),
}
"""Tests that fail on a cluster, each with all its values, and why."""


class ListedFailures:
    """Makes a run fail in which a listed test has passed with all its values."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = _function(report.nodeid)
        if name in LISTED and (report.when == "call" or not report.passed):
            (self._passed if report.passed else self._failed).add(name)

    def _wrong(self) -> list[str]:
        return sorted(self._passed - self._failed)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._wrong() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._wrong():
            terminalreporter.section(
                "listed in tests/support/cluster_layout.py, and pass", red=True
            )
            for each in self._wrong():
                terminalreporter.line(each)


def pytest_configure(config: pytest.Config) -> None:
    if is_cluster():
        config.pluginmanager.register(ListedFailures())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_cluster():
        return
    left_out = {each for each in items if not _asks_it(each)}
    config.hook.pytest_deselected(items=[*left_out])
    items[:] = [each for each in items if each not in left_out]
    for each in items:
        reason = LISTED.get(_function(each.nodeid))
        if reason:
            each.add_marker(pytest.mark.xfail(reason=reason, strict=False))
        if not each.get_closest_marker("timeout"):
            each.add_marker(pytest.mark.timeout(_PATIENCE))


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _asks_it(item: pytest.Item) -> bool:
    if needs_citus.mark in item.iter_markers():
        return True
    fixtures: Sequence[str] = getattr(item, "fixturenames", ())
    return not _GIVEN.isdisjoint(fixtures) and _OWN.isdisjoint(fixtures)
