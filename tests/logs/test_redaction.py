"""Redaction keeps listed fields; no value raises, and what is left out is counted or marked."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from secrets import token_hex
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.errors import ParameterError
from oadb.logs import api_logs, traffic
from oadb.logs.body_rendering import MOST_VALUES
from oadb.logs.redaction import Redaction
from oadb.logs.texts import LONGEST
from oadb.security.kept_fields import FIELDS
from tests.support.payloads import deep, hostile

redaction = Redaction()


def kept(body: object) -> Any:
    return json.loads(redaction.body(body))


def test_listed_fields_are_kept_at_any_depth_and_others_are_counted() -> None:
    body = {
        "apikey": "x",
        "symbol": "SBIN",
        "Quantity": 5,
        "data": {"orderid": "1", "token": "y", "legs": [{"price": 1.5, "z": 1}, None, True]},
    }

    assert kept(body) == {
        "symbol": "SBIN",
        "Quantity": 5,
        "***": 1,
        "data": {"orderid": "1", "legs": [{"price": 1.5, "***": 1}, None, True], "***": 1},
    }


def test_kept_values_are_unchanged() -> None:
    body = {
        "status": "success",
        "price": -0.1,
        "quantity": 2**53,
        "message": "\u0939 \"\\\n\t'",
        "data": {},
        "orders": [],
        "pnl": Decimal("100.050"),
        "mode": None,
        "analyze": False,
    }
    rendered = json.loads(redaction.body(body), parse_float=Decimal)

    assert rendered == {**body, "price": Decimal("-0.1")}
    assert str(rendered["pnl"]) == "100.050"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from(["SBIN", "x y", "\u0939\u093f", 'a"b\\c', ""]),
        lambda inner: (
            # Two texts may be a name and its value.
            st.lists(inner, max_size=4).filter(lambda each: len(each) != 2)
            | st.dictionaries(st.sampled_from(sorted(FIELDS - {"value"})[::7]), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_a_body_of_listed_fields_is_unchanged(body: object) -> None:
    assert kept(body) == body


def test_more_fields_may_be_kept() -> None:
    assert Redaction(["Colour"]).body({"colour": "red"}) == '{"colour": "red"}'


@pytest.mark.parametrize("wrong", [[""], [1], [None]])
def test_a_field_without_a_name_is_refused(wrong: list[str]) -> None:
    with pytest.raises(ParameterError):
        Redaction(wrong)


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in hostile()])
def test_a_hostile_body_becomes_readable_json(body: object) -> None:
    started = thread_time()
    rendered = redaction.body(body)

    assert thread_time() - started < 1
    json.loads(rendered)
    assert len(rendered) < 500_000
    assert "correcthorse" not in rendered
    assert "\0" not in rendered
    rendered.encode()


def test_odd_values_are_replaced_by_a_description() -> None:
    shown = {
        name: kept(body) for name, body in hostile() if name not in {"many", "long name", "deep"}
    }

    assert shown["no numbers"] == {"price": "nan", "ltp": "inf", "oi": "-inf"}
    assert shown["bytes"] == {"data": "[bytes]", "message": "[bytearray]", "result": "[memoryview]"}
    assert shown["large numbers"]["quantity"] == "[a large number]"
    assert shown["nul"] == {"message": "a\\u0000b", "symbol": "\\u0000"}
    assert shown["surrogates"]["message"] == "a\\ud800b"
    assert shown["objects"] == {
        "data": "[object]",
        "error": "[Rude]",
        "type": "BUY",
        "result": "[type]",
    }
    assert shown["names that are none"] == {"***": 5}
    assert shown["a secret"] == {"message": "[Secret]", "data": ["[Secret]"]}
    assert shown["rude mapping"] == "[unreadable]"
    assert shown["rude texts"] == {"symbol": "SBIN"}
    assert shown["sets"] == {"symbols": ["SBIN"], "orders": [1], "legs": [1, None, True]}
    assert shown["many fields"] == {"***": MOST_VALUES - 1, "[more]": True}
    assert len(shown["long text"]["message"]) == LONGEST


def test_depth_and_size_are_bounded_and_the_rest_is_marked() -> None:
    assert "[deeper]" in redaction.body(deep(13))
    assert "[deeper]" not in redaction.body(deep(11))
    many = kept({"orders": list(range(3000))})["orders"]
    assert (len(many), many[-1]) == (MOST_VALUES - 1, "[more]")
    texts = kept({"orders": ["xy " * 666] * 100})["orders"]
    assert texts.count("[more]") == 100 - 33


CANARY = "canary" + token_hex(20)


def plants(leaf: object) -> st.SearchStrategy[Any]:
    """Give bodies of any shape, with the leaf as value of listed and of other fields."""
    names = st.sampled_from(["apikey", "password", CANARY, "x-api-key", "Authorization", "pin"])
    safe = st.sampled_from(["symbol", "data", "orders", "message"])
    return st.recursive(
        st.just(leaf) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(names | safe, inner, max_size=4)
            | st.tuples(inner, inner)
        ),
        max_leaves=15,
    )


@given(
    plants(CANARY)
    | plants(f"apikey={CANARY}")
    | plants(f"Bearer {CANARY}")
    | plants(f"https://x/?token={CANARY}")
    | plants(CANARY.encode())
)
def test_no_redacted_body_contains_the_canary(body: object) -> None:
    assert CANARY not in redaction.body(body)
    assert CANARY[:20] not in redaction.body(body)


def test_a_secret_that_is_cut_off_is_hidden_as_well() -> None:
    for length in range(LONGEST - 60, LONGEST + 10):
        text = "x " * (length // 2) + "apikey=" + CANARY
        hidden = redaction.text(text)

        assert len(hidden) <= LONGEST
        assert "canary" not in hidden


def test_texts_of_a_flat_row_are_redacted_and_repeated_texts_are_shared() -> None:
    texts, others = ("203.0.113.7", "GET", "/api/v1/quotes", None), (200, 1.5, True, None)
    redaction.flat(texts, others)
    again = tuple(text and "".join(list(text)) for text in texts)
    first, second = (redaction.flat(each, others)[0] for each in (texts, again))

    assert first == second == texts + others
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert redaction.flat((f"/x?apikey={CANARY}",), (1,))[0] == ("/x?***", 1)
    assert redaction.flat(("GET",), (f"apikey={CANARY}",))[0] == ("GET", "apikey=***")


def test_values_of_another_type_become_texts_without_secrets() -> None:
    odd = (
        Decimal("1.5"),
        {"apikey": CANARY},
        CANARY.encode(),
        [CANARY],
        object(),
        datetime(2026, 1, 1, tzinfo=UTC),
        {CANARY},
    )
    for values in [redaction.flat(odd, ())[0], redaction.flat((), odd)[0]]:
        assert CANARY not in repr(values)
        assert all(type(value) is str for value in values)
        assert values[0] == "1.5"


def test_the_cache_of_clean_texts_is_bounded() -> None:
    mine = Redaction()
    for number in range(25_000):
        mine.text(f"/path/{number}")
    mine.text("/" * 300)

    assert len(mine._clean) <= 10_001
    assert all(len(text) <= 200 for text in mine._clean if text)


def test_a_row_is_redacted_as_a_dataclass() -> None:
    call = api_logs.Call(
        endpoint="/x?apikey=abc",
        method="POST",
        status=200,
        user_id=7,
        ip="::1",
        request={"apikey": CANARY, "symbol": "SBIN\0"},
        error="a\0b\nBearer abc",
    )

    assert redaction.row(call) == api_logs.Call(
        endpoint="/x?***",
        method="POST",
        status=200,
        user_id=7,
        ip="::1",
        request={"symbol": "SBIN\\u0000", "***": 1},
        error="a\\u0000b\\nBearer ***",
    )
    request = traffic.Request(ip="::1", method="GET", path="/x", status=200, duration_ms=1.5)
    assert redaction.row(request) == request
