"""What docs/security.md promises and takes long to prove; ``python -m tests.trust`` prints it."""

import pytest

from tests.trust.__main__ import PARTS


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_promise_is_kept(part: str) -> None:
    """Each raises where one is broken."""
    assert PARTS[part]()
