"""A market in a database and in an index, to compare both."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from oadb import Database
from oadb.market import live_index
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.market.index import reference
from tests.market.index.listed import MARKETS, replace_all


@pytest.fixture(scope="session", params=MARKETS)
def market(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def listed(market: str) -> list[Instrument]:
    return MARKETS[market]()


@pytest.fixture(scope="session")
def market_db(
    oadb_server: Server, oadb_template: str, listed: list[Instrument]
) -> Generator[Database]:
    """Give a database with a market, and its first rows for another broker."""
    with oadb_server.clone(oadb_template) as url, Database(configured(url)) as db:
        replace_all(url, "zerodha", listed)
        replace_all(url, "upstox", [replace(row, broker="upstox") for row in listed[:500]])
        yield db


@pytest.fixture(scope="session")
def index(market_db: Database) -> InstrumentIndex:
    return live_index.build(market_db, "zerodha", "upstox")


@pytest.fixture(scope="session")
def prepared(listed: list[Instrument]) -> reference.Prepared:
    return reference.prepared(listed)
