from collections.abc import Generator

import pytest

from oadb import Config
from oadb.logs.writer import LogWriter
from tests.support.log_rows import QUICK
from tests.support.rig import Observer


@pytest.fixture
def url(oadb_database_url: str) -> str:
    """Give the DATABASE_URL of the database of ``db``."""
    return oadb_database_url


@pytest.fixture
def observer(url: str) -> Observer:
    """Give an observer of the database of ``db``."""
    return Observer(url)


@pytest.fixture
def logs(config: Config) -> Generator[LogWriter]:
    """Give a log writer to the database of ``db``."""
    with LogWriter(config, limits=QUICK) as logs:
        yield logs
