"""Broker tokens for tests: made, put and got."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from oadb import Database, Secret
from oadb.accounts import broker_tokens
from oadb.accounts.broker_tokens import BrokerToken, Tokens

TOMORROW = datetime(2126, 1, 1, 3, 30, tzinfo=UTC)
SEALED = ("access_token", "refresh_token", "feed_token", "parameters")


def tokens() -> Tokens:
    """Return tokens that no other test has."""
    access, refresh, feed, secret, pin = (Secret(f"canary-{token_hex(8)}") for _ in range(5))
    return Tokens(access, refresh, feed, {"api_secret": secret, "pin": pin})


def put(db: Database, user_id: int, given: Tokens, broker: str = "zerodha", **more: Any) -> bool:
    return broker_tokens.put(db, user_id, broker, given, **more)


def got(db: Database, user_id: int, broker: str = "zerodha") -> BrokerToken:
    found = broker_tokens.open(db, user_id, broker)
    assert isinstance(found, BrokerToken)
    return found
