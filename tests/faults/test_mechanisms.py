"""Each test fails without the mechanism that it is about."""

import pytest

from tests.faults.switched_off import MECHANISMS, failed_without


@pytest.mark.slow
@pytest.mark.parametrize("name", MECHANISMS)
def test_the_test_of_a_mechanism_fails_without_it(name: str) -> None:
    assert failed_without(name) is None
