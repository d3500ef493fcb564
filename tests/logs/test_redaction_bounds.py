"""Of a huge body no more is read than is kept, and what is not searched has nothing to find."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.logs.body_rendering import LONGEST_KNOWN, MOST_VALUES
from oadb.logs.redaction import Redaction
from oadb.security import secret_patterns
from oadb.security.kept_fields import FIELDS


class Endless(Mapping[str, object]):
    """A field, name and value, and fields without end."""

    def __init__(self) -> None:
        self.read = 0

    def __getitem__(self, key: str) -> object:
        return "apikey" if key == "name" else "x"

    def __contains__(self, key: object) -> bool:
        return key in {"name", "value"}

    def __len__(self) -> int:
        return 2**40

    def __iter__(self) -> Iterator[str]:
        for number in count():
            self.read += 1
            yield {0: "name", 1: "value"}.get(number, "symbol")


class Unread(str):
    """A text that may be cut, and not be read as a whole."""

    __slots__ = ()

    def __str__(self) -> NoReturn:
        raise AssertionError("read as a whole")

    lower = __hash__ = __str__  # these read all of it


def test_of_a_mapping_without_end_only_the_fields_that_may_be_kept_are_read() -> None:
    body = Endless()

    assert json.loads(Redaction().body(body))["value"] == "***"
    assert body.read <= MOST_VALUES + 1


def test_a_long_text_is_cut_before_it_is_read() -> None:
    text = Unread("word " * 1_000_000)

    shown = json.loads(
        Redaction().body({"message": text, "orders": [text], "data": {"name": text}})
    )

    assert shown["message"].startswith("word word")
    assert shown["message"] == shown["orders"][0] == shown["data"]["name"]


@given(st.text("AEYJ09.-", max_size=26))
def test_a_plain_text_has_no_secret_and_nothing_that_json_escapes(text: str) -> None:
    if secret_patterns.is_plain(text):
        assert secret_patterns._hide(text, FIELDS) == text
        assert Redaction().quoted(text) == json.dumps(text)


@pytest.mark.parametrize(
    "text", ["\u0661" * 12, "A" * 26, "1" * 40, "eyJabcdefgh", "", "1\n", "A1a"]
)
def test_what_only_looks_like_a_number_or_a_symbol_is_not_plain(text: str) -> None:
    assert not secret_patterns.is_plain(text)


def test_the_longest_text_that_is_remembered_is_as_any_other() -> None:
    redaction = Redaction()
    for length in (LONGEST_KNOWN - 1, LONGEST_KNOWN, LONGEST_KNOWN + 1):
        text = ("words " * length)[:length].strip()
        assert {redaction.body({"message": text}) for _ in range(2)} == {f'{{"message": "{text}"}}'}
