"""Labels that show nothing: refused by the operations, and by the tables for any other writer."""

import json
import sys
import unicodedata
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import Database
from oadb.accounts import api_keys
from oadb.engine import dsn
from oadb.errors import MigrationError, ParameterError
from oadb.market.intake import _wrong_text
from oadb.testing.chosen_layout import is_cluster
from oadb.tools.migrations.runner import migrate, rollback, status
from oadb.trading import chartink, pending_orders, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import SymbolMapping
from oadb.validation.argument_rules import is_visible
from tests.conftest import configured
from tests.support.accounts import issue, new_user
from tests.support.instrument_rows import INFY
from tests.support.trading import db, user_id

__all__ = ["db", "user_id"]

BLANK = ["", " ", "\t\n", "\xa0", "\u3000", "\u200b", "\ufeff \u2060", "\u00ad", "\u3164", "\u2800"]

every_blank = pytest.mark.parametrize("blank", BLANK, ids=ascii)


@every_blank
def test_a_mapping_names_a_symbol_and_an_exchange(db: Database, user_id: int, blank: str) -> None:
    scan = chartink.create(db, user_id, "scan").strategy.strategy_id
    made = strategies.create(db, user_id, "x", direction="LONG").strategy.strategy_id

    for symbol, exchange, name in ((blank, "NSE", "symbol"), ("TCS", blank, "exchange")):
        mapping = SymbolMapping(symbol, exchange, 1, "MIS")
        scanned = ChartinkMapping(symbol, exchange, 1, "MIS")
        with pytest.raises(ParameterError, match=rf"{name} must be a text that is not blank"):
            strategies.put_mappings(db, user_id, made, [mapping])
        with pytest.raises(ParameterError, match=rf"{name} must be a text that is not blank"):
            chartink.put_mappings(db, user_id, scan, [scanned])


@every_blank
def test_names_of_strategies_and_keys_can_be_seen(db: Database, user_id: int, blank: str) -> None:
    key = issue(db, user_id).key.api_key_id

    for write in (
        lambda: strategies.create(db, user_id, blank, direction="LONG"),
        lambda: strategies.rename(db, user_id, uuid4(), blank),
        lambda: chartink.create(db, user_id, blank),
        lambda: chartink.rename(db, user_id, uuid4(), blank),
        lambda: api_keys.create(db, user_id, blank, order_mode="auto"),
        lambda: api_keys.rename(db, user_id, key, blank),
    ):
        with pytest.raises(ParameterError, match="name must be a text that is not blank"):
            write()


@every_blank
def test_an_order_that_waits_names_its_symbol(db: Database, user_id: int, blank: str) -> None:
    order: dict[str, Any]
    for order in ({"symbol": blank}, {"orders": [{"symbol": "TCS"}, {"symbol": blank}]}):
        with pytest.raises(ParameterError, match="order_data has a symbol that is blank; name the"):
            pending_orders.create(db, user_id, "basketorder", order)
    assert pending_orders.create(db, user_id, "cancelallorder", {"strategy": "x"})


@every_blank
def test_an_instrument_without_a_visible_symbol_is_rejected(blank: str) -> None:
    row: Any = type("Row", (), {**{n: getattr(INFY, n) for n in INFY.__slots__}, "symbol": blank})

    assert _wrong_text(row) == "symbol is empty"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            (
                "insert into oadb.strategy_mappings (user_id, strategy_id, symbol, exchange, "
                "quantity, product_type) select user_id, strategy_id, %(blank)s, 'NSE', 1, 'MIS' "
                "from oadb.strategies where user_id = %(user)s"
            ),
            "strategy_mappings_visible_check",
        ),
        (
            "update oadb.strategies set name = %(blank)s where user_id = %(user)s",
            "strategies_name_visible_check",
        ),
        (
            "update oadb.api_keys set name = %(blank)s where user_id = %(user)s",
            "api_keys_name_visible_check",
        ),
        (
            (
                "insert into oadb.pending_orders (user_id, api_type, order_data) "
                "values (%(user)s, 'x', %(order)s)"
            ),
            "pending_orders_symbol_check",
        ),
    ],
)
def test_the_tables_refuse_them_as_well(
    db: Database, url: str, user_id: int, statement: str, constraint: str
) -> None:
    strategies.create(db, user_id, "x", direction="LONG")
    issue(db, user_id)
    with psycopg.connect(url, autocommit=True) as connection:
        for blank in (each for each in BLANK if each):
            given = {"blank": blank, "user": user_id, "order": json.dumps({"symbol": blank})}
            with pytest.raises(CheckViolation) as refused:
                connection.execute(statement.encode(), given)
            assert refused.value.diag.constraint_name == constraint


def test_the_tables_and_the_operations_mean_the_same_characters(url: str) -> None:
    letters = [chr(code) for code in range(1, 0xD800)]
    letters += [chr(code) for code in range(0xE000, sys.maxunicode + 1, 7)]
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "select letter from unnest(%s::text[]) as letter where not oadb.is_visible(letter)",
            [letters],
        ).fetchall()
    shapeless = {
        letter
        for letter in letters
        if letter < "\U00010000" and (letter.isspace() or unicodedata.category(letter) == "Cc")
    }

    blank = {letter for (letter,) in rows}
    assert blank == {letter for letter in letters if not is_visible(letter)}
    assert shapeless <= blank
    assert not blank & {letter for letter in letters if letter.isalnum() and letter != "\u3164"} - {
        "\u115f",
        "\u1160",
        "\uffa0",
    }


@pytest.mark.long("migrates a database down and up")
def test_a_migration_repairs_what_was_stored_before(oadb_database_url: str) -> None:
    target = dsn.parse(oadb_database_url)
    later = [each for each in status(target) if each.migration_id >= "0038"]
    with Database(configured(oadb_database_url)) as db:
        user_id = new_user(db)
        made = strategies.create(db, user_id, "Trend", direction="LONG").strategy.strategy_id
        mappings = [SymbolMapping(symbol, "NSE", 1, "MIS") for symbol in ("TCS", "INFY")]
        strategies.put_mappings(db, user_id, made, mappings)
        key_id = issue(db, user_id).key.api_key_id
        orders = [
            pending_orders.create(db, user_id, "placeorder", {"symbol": symbol}).pending_order_id
            for symbol in ("TCS", "INFY")
        ]
    if is_cluster():
        with pytest.raises(MigrationError, match="0067_key_logs_by_user"):
            rollback(target, count=len(later))
        return
    rollback(target, count=len(later))
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        for change in (
            "update oadb.strategies set name = ' '",
            "update oadb.strategy_mappings set symbol = ' ' where symbol = 'TCS'",
            "update oadb.api_keys set name = ' '",
            """update oadb.pending_orders set order_data = '{"symbol": " "}'
            where order_data ->> 'symbol' = 'TCS'""",
        ):
            connection.execute(change.encode())
    migrate(target)

    with Database(configured(oadb_database_url)) as db:
        (strategy,) = strategies.list_by_user(db, user_id)
        (key,) = api_keys.list_by_user(db, user_id)
        assert (strategy.name, key.name, key.api_key_id) == ("unnamed", "unnamed", key_id)
        assert [each.symbol for each in strategy.mappings] == ["INFY"]
        states = [pending_orders.get(db, user_id, pending_order_id=order_id) for order_id in orders]
        assert [state and state.status for state in states] == ["rejected", "pending"]
