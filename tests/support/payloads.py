"""Hostile bodies, for the tests of redaction, of the queue and of the writer."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from oadb import Secret


class Side(Enum):
    BUY = "BUY"


class Rude:
    """Cannot be converted to text."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class RudeMapping(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class RudeText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__
    __format__ = __str__  # type: ignore[assignment]  # it takes no format


def cycle() -> dict[str, object]:
    body: dict[str, object] = {"symbol": "SBIN"}
    body["data"] = body
    body["orders"] = [body, body]
    return body


def deep(depth: int) -> dict[str, object]:
    body: dict[str, object] = {"symbol": "SBIN"}
    for _ in range(depth):
        body = {"data": body}
    return body


def hostile() -> Iterator[tuple[str, object]]:
    """Yield bodies, each with a name."""
    yield (
        "decimals",
        {"price": Decimal("100.05"), "pnl": Decimal("NaN"), "ltp": Decimal("1E+99999")},
    )
    yield "times", {"timestamp": datetime(2026, 1, 2, 3, tzinfo=UTC), "expiry": date(2026, 1, 2)}
    yield "more times", {"response_time": timedelta(1), "interval": time(9, 15)}
    yield "bytes", {"data": b"\xff\0", "message": bytearray(b"x"), "result": memoryview(b"y")}
    yield "no numbers", {"price": float("nan"), "ltp": float("inf"), "oi": float("-inf")}
    yield "large numbers", {"quantity": 10**5000, "price": 1e308, "volume": -(2**63) - 1}
    yield "cycle", cycle()
    yield "deep", deep(10_000)
    yield "long text", {"message": "word " * 2_000_000}
    yield "long name", {"x" * 10_000_000: 1}
    yield "many", {"orders": [{"symbol": f"S{n}"} for n in range(100_000)]}
    yield "many fields", {str(n): n for n in range(100_000)}
    yield "nul", {"message": "a\0b", "symbol": "\0"}
    yield "surrogates", {"message": "a\ud800b", "symbol": "\udfff", "name": "\ud83d\ude00"}
    yield "controls", {"message": "a\nb\x1b[31m\x7f\x85\u202e\u2028"}
    yield "sets", {"symbols": {"SBIN"}, "orders": frozenset({1}), "legs": (1, None, True)}
    yield "names that are none", {1: 2, None: 3, (1, 2): 4, b"symbol": 5, 1.5: 6}
    yield "objects", {"data": object(), "error": Rude(), "type": Side.BUY, "result": Rude}
    yield "an error", {"error": ValueError("apikey=correcthorse")}
    yield "a secret", {"message": Secret("correcthorse"), "data": [Secret("correcthorse")]}
    yield "rude mapping", RudeMapping(symbol="SBIN")
    yield "rude texts", {RudeText("symbol"): RudeText("SBIN")}
    yield "other mappings", OrderedDict(symbol="SBIN", data=OrderedDict(price=1))
    yield "identifier", {"orderid": UUID(int=1)}
    yield "an iterator", {"data": iter([1, 2])}
    yield "a range", {"data": range(10**12)}
    yield "text", "apikey=correcthorse"
    yield "list", [{"symbol": "SBIN"}, "x"]
    yield "number", 5
    yield "nothing", {}
    yield "quotes", {"message": "\"'\\", "symbol": "\\u0000", "name": "\\"}
    yield "like JSON", {"message": '{"apikey": "correcthorse"}'}
