"""Which tests run on a Citus cluster, with ``OADB_TEST_LAYOUT=citus``: those that ask it.

A test that asks no server, or servers of its own, says the same there as elsewhere, and is left
out.
"""

from collections.abc import Sequence

import pytest

from oadb.testing.chosen_layout import is_cluster

_GIVEN = frozenset({"oadb_server", "oadb_database_url"})
"""Fixtures that lead to the server of the run."""

_OWN = frozenset({"prepared"})
"""Fixtures that start servers beside it."""

_PATIENCE = 600
"""Seconds for a test: the first of a worker waits until tables are distributed."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_cluster():
        left_out = [each for each in items if not _asks_it(getattr(each, "fixturenames", ()))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in set(left_out)]
        for each in items:
            if not each.get_closest_marker("timeout"):
                each.add_marker(pytest.mark.timeout(_PATIENCE))


def _asks_it(fixtures: Sequence[str]) -> bool:
    return not _GIVEN.isdisjoint(fixtures) and _OWN.isdisjoint(fixtures)
