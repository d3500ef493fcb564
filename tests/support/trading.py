"""What the tests of trading share: a database, users, and both modules of strategies."""

from collections.abc import Generator
from datetime import time
from itertools import count
from typing import Any

import pytest

from oadb import Database, Secret
from oadb.accounts import users
from oadb.trading import chartink, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.conftest import configured

numbers = count(1)

TIMES = {"start_time": time(9, 20), "end_time": time(15), "squareoff_time": time(15, 15)}
RELIANCE, TCS = (
    SymbolMapping("RELIANCE", "NSE", 10, "MIS"),
    SymbolMapping("TCS", "BSE", 2**40, "CNC"),
)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(params=[strategies, chartink], ids=["strategies", "chartink"])
def module(request: pytest.FixtureRequest) -> Any:
    """Give each module in turn: both must behave alike."""
    return request.param


def label(module: Any) -> str:
    """Return the name by which errors call a module."""
    return str(module.__name__.rpartition(".")[2])


def new_user(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


def mapped(module: Any, *mappings: SymbolMapping) -> list[Any]:
    """Return mappings as the class of a module."""
    if module is strategies:
        return list(mappings)
    return [ChartinkMapping(m.symbol, m.exchange, m.quantity, m.product_type) for m in mappings]


def found(module: Any, db: Database, webhook: Secret) -> Strategy[Any]:
    strategy = module.verify_webhook(db, webhook)
    assert isinstance(strategy, Strategy), strategy
    return strategy
