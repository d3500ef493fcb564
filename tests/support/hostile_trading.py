"""Hostile texts in each argument of strategies and pending orders."""

from typing import Any

import pytest

from oadb import Secret, Transaction
from oadb.engine.binding.sendable_texts import unsendable
from oadb.errors import ParameterError
from oadb.security.kept_fields import ORDER_FIELDS
from oadb.security.refusals import Refusal
from oadb.security.secret_patterns import hide_secrets, template
from oadb.trading import chartink, pending_orders, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.support.hostile import Work


def order_data(tx: Transaction, text: str) -> None:
    order: dict[str, object] = {"value": text, "legs": [text, {"note": text}]}
    try:
        assert pending_orders.create(tx, 1, "placeorder", order).order_data == order
    except ParameterError:
        assert unsendable(text) or hide_secrets(text, ORDER_FIELDS) != text
    else:
        assert not unsendable(text)


def order_type(tx: Transaction, text: str) -> None:
    assert pending_orders.create(tx, 1, text, {}).api_type == text


def order_texts(tx: Transaction, text: str) -> None:
    order = pending_orders.create(tx, 1, "placeorder", {}).pending_order_id
    assert pending_orders._approve(tx, 1, order)
    assert pending_orders.record_outcome(
        tx,
        1,
        pending_order_id=order,
        outcome="sent",
        broker_order_id=text,
        broker_status=text,
        reason=text,
    )
    (found,) = pending_orders.list_by_user(tx, 1, status="sent")
    assert found.broker_order_id == found.broker_status == hide_secrets(text)[:255]
    assert found.reason == template(text)[:500]


def order_reason(tx: Transaction, text: str) -> None:
    order = pending_orders.create(tx, 1, "placeorder", {}).pending_order_id
    assert pending_orders.reject(tx, 1, pending_order_id=order, by=1, reason=text)
    found = pending_orders.get(tx, 1, pending_order_id=order)
    assert found is not None
    assert found.reason == hide_secrets(text)[:500]


def order_status(tx: Transaction, text: Any) -> None:
    with pytest.raises(ParameterError):
        pending_orders.list_by_user(tx, 1, status=text)
    pending_orders.record_outcome(tx, 1, pending_order_id=1, outcome=text)
    raise AssertionError(f"{text!r} was taken for an outcome")


def strategy_name(tx: Transaction, text: str) -> None:
    for module in (strategies, chartink):
        made = module.create(tx, 1, text).strategy
        assert module.get(tx, 1, made.strategy_id) == made
        assert made.name == text
        assert module.rename(tx, 1, made.strategy_id, text)
        assert module.list_by_user(tx, 1).rows[0].name == text


def strategy_platform(tx: Transaction, text: str) -> None:
    assert strategies.create(tx, 1, "x", platform=text).strategy.platform == text


def strategy_direction(tx: Transaction, text: Any) -> None:
    strategies.create(tx, 1, "x", direction=text)
    raise AssertionError(f"{text!r} was taken for a direction")


def strategy_time_zone(tx: Transaction, text: str) -> None:
    made = strategies.create(tx, 1, "x").strategy
    with pytest.raises(ParameterError):
        strategies.create(tx, 1, "x", time_zone=text)
    with pytest.raises(ParameterError):
        strategies.update(tx, 1, made.strategy_id, time_zone=text)


def strategy_definition(tx: Transaction, text: str) -> None:
    definition: dict[str, object] = {"value": text, f"name {text}": [{text: text}]}
    made = strategies.create(tx, 1, "x", definition=definition).strategy
    assert strategies.get(tx, 1, made.strategy_id) == made
    assert made.definition == definition
    assert strategies.set_definition(tx, 1, made.strategy_id, definition)


def mapping_symbol(tx: Transaction, text: str) -> None:
    issued = strategies.create(tx, 1, "x")
    strategy_id = issued.strategy.strategy_id
    mapping = SymbolMapping(text, "NSE", 1, "MIS")
    assert strategies.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    found = strategies.verify_webhook(tx, issued.webhook)
    assert isinstance(found, Strategy)
    assert found.mappings == (mapping,)
    assert strategies.delete_mappings(tx, 1, strategy_id, [text]) == 1


def mapping_exchange(tx: Transaction, text: str) -> None:
    strategy_id = strategies.create(tx, 1, "x").strategy.strategy_id
    mapping = SymbolMapping("TCS", text, 1, "MIS")
    assert strategies.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    assert strategies.list_by_user(tx, 1).rows[0].mappings == (mapping,)


def mapping_product_type(tx: Transaction, text: Any) -> None:
    strategy_id = strategies.create(tx, 1, "x").strategy.strategy_id
    strategies.put_mappings(tx, 1, strategy_id, [SymbolMapping("TCS", "NSE", 1, text)])
    raise AssertionError(f"{text!r} was taken for a product type")


def scan_symbol(tx: Transaction, text: str) -> None:
    strategy_id = chartink.create(tx, 1, "x").strategy.strategy_id
    mapping = ChartinkMapping(text, "NSE", 1, "MIS")
    assert chartink.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    assert chartink.list_by_user(tx, 1).rows[0].mappings == (mapping,)


def webhook_text(tx: Transaction, text: str) -> None:
    assert strategies.verify_webhook(tx, Secret(text)) is Refusal.UNKNOWN
    assert chartink.verify_webhook(tx, Secret(text)) is Refusal.UNKNOWN


OPERATIONS: dict[str, list[Work]] = {
    "pending_orders": [order_data, order_type, order_texts, order_reason, order_status],
    "strategies": [
        strategy_name,
        strategy_platform,
        strategy_direction,
        strategy_time_zone,
        strategy_definition,
        mapping_symbol,
        mapping_exchange,
        mapping_product_type,
    ],
    "chartink": [scan_symbol],
}
SECRETS: dict[str, list[Work]] = {
    "webhooks": [webhook_text],
}
