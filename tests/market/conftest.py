"""A database with many instruments, for plans and searches."""

from collections.abc import Generator

import pytest

from oadb.testing.servers import Server
from tests.support import instrument_rows


@pytest.fixture(scope="module")
def filled_url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    """Give the DATABASE_URL of a database with 20,000 options."""
    with oadb_server.clone(oadb_template) as url:
        instrument_rows.fill(url)
        yield url
