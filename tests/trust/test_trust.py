"""Promises of docs/security.md that take long to check; ``python -m tests.trust`` prints them."""

import pytest

from tests.trust.__main__ import PARTS


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_promise_is_kept(part: str) -> None:
    """Each part raises if a promise is broken."""
    assert PARTS[part]()
