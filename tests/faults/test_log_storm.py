"""Many rows while faults happen at random; tests/faults/log_storm.py is a script as well."""

import pytest

from tests.faults.log_storm import storm

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("rows", [5_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_storm_loses_and_doubles_nothing(rows: int) -> None:
    load, faults = storm(rows)

    assert load.logs.stats().stored >= rows
    assert faults.total() > 0
    assert load.acknowledged
