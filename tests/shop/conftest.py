"""The shop as if it were installed, and databases with its tables."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import Package, find
from oadb.testing.servers import Server
from oadb.tools.migrations import runner
from tests.support.rig import Observer

sys.path.insert(0, str(Path(__file__).parent / "src"))


@pytest.fixture(scope="module")
def shop() -> Package:
    return find("shop")


@pytest.fixture(scope="module")
def template(oadb_server: Server, oadb_template: str, shop: Package) -> Generator[str]:
    """Give the name of a database with the shop, to clone; oadb's tables were there before."""
    with oadb_server.clone(oadb_template) as url:
        runner.migrate(dsn.parse(url), packages=[shop])
        yield dsn.parse(url).keywords["dbname"]


@pytest.fixture(scope="module")
def shop_url(oadb_server: Server, template: str) -> Generator[str]:
    with oadb_server.clone(template) as url:
        yield url


@pytest.fixture
def db(shop_url: str) -> Generator[Database]:
    Observer(shop_url).rows(
        "truncate shop.customers, shop.products, shop.parcels, oadb.users restart identity cascade"
    )
    with Database.from_url(shop_url) as db:
        yield db
