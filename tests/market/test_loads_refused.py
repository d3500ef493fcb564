"""Loads that are refused: sets without rows or with too few, and invalid arguments."""

from dataclasses import replace

import psycopg
import pytest

from oadb import Database, Transaction
from oadb.errors import LoadError, ParameterError
from oadb.market import instruments, loads, staging
from oadb.market.loads import LoadLimits
from tests.support.instrument_rows import INFY
from tests.support.loading import ALL, load, many, stored


def test_an_empty_set_is_never_loaded(tx: Transaction) -> None:
    load(tx, ALL)
    with pytest.raises(LoadError, match="there are no rows; an empty set is never loaded"):
        load(tx, [])

    assert stored(tx) == set(ALL)


def test_a_set_without_a_valid_row_is_refused_with_the_first_reasons(tx: Transaction) -> None:
    load(tx, ALL)
    bad = [replace(INFY, symbol="", token=str(n)) for n in range(7)]
    with pytest.raises(LoadError) as refused:
        load(tx, bad)

    assert str(refused.value).startswith(
        "none of 7 rows can be loaded; the first reasons:\n  row 1: "
    )
    assert str(refused.value).count("\n") == 5
    assert stored(tx) == set(ALL)


def test_a_load_that_would_empty_an_exchange_changes_nothing(tx: Transaction) -> None:
    load(tx, many(10) + many(4, "BSE"))
    with pytest.raises(
        LoadError,
        match=r"refused: NSE would shrink from 10 to 4 instruments, by more than 50%\. Check",
    ):
        loads.load(tx, "zerodha", many(4) + many(4, "BSE"))

    assert instruments.count_by_broker(tx, "zerodha") == 14
    assert loads.load(tx, "zerodha", many(5)).deleted == 5
    assert loads.load(tx, "zerodha", many(1), force=True).deleted == 4


def test_an_exchange_missing_from_the_source_is_noticed(tx: Transaction) -> None:
    load(tx, many(2) + many(2, "BSE"))
    with pytest.raises(LoadError, match="BSE would shrink from 2 to 0 instruments"):
        loads.load(tx, "zerodha", many(2), exchanges=["NSE", "BSE"])

    assert instruments.count_by_broker(tx, "zerodha") == 4


def test_a_load_is_refused_while_another_of_the_same_broker_runs(db: Database) -> None:
    loads._start_load(db, "zerodha", "a file", None)
    with db.transaction() as tx:
        assert staging._claim_load(tx, "zerodha")
        with pytest.raises(LoadError, match="another load of zerodha is in progress"):
            load(db.outside(), ALL)
        assert loads.load(db.outside(), "upstox", [replace(INFY, broker="upstox")]).inserted == 1

    assert load(db, ALL).inserted == 3


@pytest.mark.parametrize("part", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", ["max_removed", "max_rejected", "max_vanished"])
def test_the_parts_of_limits_must_be_0_to_1(name: str, part: float) -> None:
    with pytest.raises(ParameterError, match=f"^LoadLimits: {name} is .*; expected 0 to 1$"):
        replace(LoadLimits(), **{name: part})


@pytest.mark.parametrize("broker", ["", " ", "x" * 201, "a\0b", "\ud800"])
def test_an_invalid_broker_is_refused_before_anything_is_written(
    db: Database, oadb_database_url: str, broker: str
) -> None:
    with pytest.raises(ParameterError, match="broker"):
        loads.load(db, broker, [replace(INFY, broker=broker)])
    with psycopg.connect(oadb_database_url) as connection:
        assert connection.execute("select from oadb.instrument_loads").fetchall() == []


def test_a_str_is_refused_as_the_list_of_exchanges(tx: Transaction) -> None:
    with pytest.raises(ParameterError, match="exchanges is a str; expected a list"):
        loads.load(tx, "zerodha", ALL, exchanges="NSE")
