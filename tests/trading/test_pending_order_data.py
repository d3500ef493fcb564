"""What a pending order may hold: a JSON object that reads back exactly, without API keys."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from math import inf, nan
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import Database
from oadb.errors import NoRowError, ParameterError
from oadb.trading import pending_orders
from tests.support.trading import db, user_id

__all__ = ["db", "user_id"]

ORDER: dict[str, object] = {"symbol": "SBIN", "exchange": "NSE", "quantity": 10, "price": 812.5}


@pytest.mark.parametrize(
    "order",
    [
        {"apikey": "x"}, {"ApiKey": "x"}, {"api_key": "x"}, {"api-key": "x"}, {"API KEY": ""},
        {"a": {"apikey": None}}, {"a": [{"b": [{"apiKey": 1}]}]}, {"x-api-key": "x"},
        {"X-API-Key": "x"}, {"openalgo_apikey": "x"}, {"a": [{"broker_api_key": "x"}]},
    ],
    ids=str,
)  # fmt: skip  # a table
def test_an_api_key_in_an_order_is_refused_before_anything_is_sent(
    db: Database, url: str, user_id: int, order: dict[str, object]
) -> None:
    with pytest.raises(ParameterError, match="holds an API key; take it out"):
        pending_orders.create(db, user_id, "placeorder", order)
    with pytest.raises(CheckViolation) as refused, psycopg.connect(url) as connection:
        connection.execute(
            "insert into oadb.pending_orders (user_id, api_type, order_data) "
            "values (%s, 'placeorder', %s)",
            [user_id, psycopg.types.json.Jsonb(order)],
        )

    assert refused.value.diag.constraint_name == "pending_orders_order_data_secret_check"
    assert not pending_orders.list_by_user(db, user_id)


def test_a_word_for_an_api_key_is_no_secret(db: Database, user_id: int) -> None:
    order: dict[str, object] = {"Symbol": "apikey", "note": "api_key", "legs": [{"tag": "key"}]}

    assert pending_orders.create(db, user_id, "placeorder", order).order_data == order


@pytest.mark.parametrize("name", ["apikeys", "key", "jKey", "sid", "factor2", "webhook_id"])
def test_a_field_that_orders_do_not_have_is_refused_before_anything_is_sent(
    db: Database, user_id: int, name: str
) -> None:
    for order in ({name: "x"}, {"legs": [{"data": {name: 1}}]}):
        with pytest.raises(ParameterError, match="a field that is not one of an order") as refused:
            pending_orders.create(db, user_id, "placeorder", order)
        assert name not in str(refused.value).partition("order_data")[2]

    assert not pending_orders.list_by_user(db, user_id)


@pytest.mark.parametrize("text", ["factor2=hunter", "a" * 24 + "1", "('jKey', 'hunter')"])
def test_a_text_that_looks_like_a_secret_is_refused_before_anything_is_sent(
    db: Database, user_id: int, text: str
) -> None:
    with pytest.raises(ParameterError, match="a text that looks like a secret") as refused:
        pending_orders.create(db, user_id, "placeorder", {"legs": [{"note": text}]})

    assert text not in str(refused.value)
    assert not pending_orders.list_by_user(db, user_id)


def test_a_reason_that_is_too_long_is_refused_even_if_a_secret_in_it_would_be_cut(
    db: Database, user_id: int
) -> None:
    order_id = pending_orders.create(db, user_id, "placeorder", {}).pending_order_id
    secret = " factor2=" + "hunter" * 4
    reason = ("word " * 100)[: 501 - len(secret)] + secret

    with pytest.raises(CheckViolation):
        pending_orders.reject(db, user_id, pending_order_id=order_id, by=None, reason=reason)
    fitting = reason[1:]
    assert pending_orders.reject(db, user_id, pending_order_id=order_id, by=None, reason=fitting)


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"order_data": {"note": "\xe9" * 40_000}}, "pending_orders_order_data_size_check"),
        ({"api_type": ""}, "pending_orders_api_type_check"),
        ({"api_type": "place order"}, "pending_orders_api_type_check"),
    ],
)
def test_an_order_that_violates_a_check_is_refused(
    db: Database, user_id: int, given: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(CheckViolation) as refused:
        pending_orders.create(db, user_id, **{"api_type": "x", "order_data": ORDER, **given})

    assert refused.value.diag.constraint_name == constraint


CYCLE: dict[str, object] = {}
CYCLE["a"] = CYCLE
BUSH: object = 1
for _ in range(30):
    BUSH = [BUSH, BUSH]


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ({"price": nan}, "[price] is a float that would not read back as one"),
        ({"price": inf}, "[price] is a float that would not read back as one"),
        ({"price": 1e23}, "[price] is a float that would not read back as one"),
        ({"price": Decimal("1.5")}, "[price] is of type Decimal, which JSON does not have"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "[at] is of type datetime"),
        ({"legs": [(1, 2)]}, "[legs][0] is of type tuple"),
        ({"legs": ({"apikey": "x"},)}, "[legs] is of type tuple"),
        ({1: 2}, " has a name that is not text"), ({"a": {None: 1}}, "[a] has a name that is not"),
        ({"note": "a\0b"}, "[note] holds a NUL character"),
        ({"note": "\ud800"}, "[note] holds a lone surrogate"),
        ({"quantity": 2**70}, "[quantity] is a whole number of more than 64 bits"),
        ({"a": "x" * 66_000}, " is larger than 65,536"),
        (CYCLE, "[a]" * 32 + " is deeper than 32"), ({"legs": BUSH}, " is larger than 65,536"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",  # the repr of one is without end
)  # fmt: skip  # a table
def test_an_order_that_would_not_read_back_exactly_is_refused_before_anything_is_sent(
    db: Database, order: Any, problem: str
) -> None:
    with pytest.raises(
        ParameterError, match=re.escape(f"pending_orders.create: order_data{problem}")
    ):
        pending_orders.create(db, 1, "placeorder", order)


@pytest.mark.parametrize("order", [[], "x", None, 7, [("a", 1)]])
def test_an_order_is_an_object(db: Database, user_id: int, order: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"^pending_orders\.create: order_data must be dict, n"
    ):
        pending_orders.create(db, user_id, "placeorder", order)


def test_an_order_of_an_unknown_user_is_refused(db: Database) -> None:
    with pytest.raises(NoRowError, match=rf"^pending_orders\.create: there is no user {2**62}$"):
        pending_orders.create(db, 2**62, "placeorder", ORDER)
