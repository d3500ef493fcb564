"""Keys of settings: what each allows, and what is refused."""

import re
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from oadb import Database
from oadb.errors import DeclarationError, ParameterError, SettingError
from oadb.settings import user_settings
from oadb.settings.user_settings import SettingChoice, SettingKey
from tests.support.rig import Observer
from tests.support.setting_keys import (
    BELL,
    EVEN,
    LAYOUT,
    NOTE,
    RISK,
    SIZE,
    THEME,
    WIDE,
    db,
    store,
    user_id,
)

__all__ = ["db", "user_id"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (THEME, "purple"), (THEME, 7), (THEME, None), (THEME, b"dark"), (SIZE, -1), (SIZE, 1001),
        (SIZE, 5.0), (SIZE, True), (SIZE, "5"), (RISK, nan), (RISK, inf), (RISK, True),
        (RISK, -0.1), (RISK, "1"), (BELL, 1), (BELL, 0), (BELL, "true"), (NOTE, "a\0b"),
        (NOTE, "\ud800"), (NOTE, "x" * 70_001), (EVEN, 3), (EVEN, 2**63), (LAYOUT, []),
        (RISK, 10**400), (WIDE, 10**400), (WIDE, 2**53 + 1), (WIDE, -(10**309)),
        (LAYOUT, {str(number): 1 for number in range(11)}),
    ],
    ids=lambda value: value.name if isinstance(value, SettingKey) else repr(value)[:20],
)  # fmt: skip  # a table
def test_a_value_that_its_key_does_not_allow_is_refused_and_not_shown(
    key: SettingKey[Any], value: Any
) -> None:
    with pytest.raises(ParameterError) as refused:
        key.to(value)

    said = f"setting {key.name}: its key does not allow this value; see its declaration"
    assert str(refused.value) == said
    assert refused.value.__cause__ is refused.value.__context__ is None


def around(depth: int) -> dict[str, object]:
    """Return an object with objects inside; with depth 0, one that contains itself."""
    found: dict[str, object] = {}
    if not depth:
        found["a"] = found
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": {1}}, "[a] is of type set"), ({1: "a"}, " has a name that is not text"),
        ({"a": (1,)}, "[a] is of type tuple"), ({"a": nan}, "[a] is a float that would not"),
        ({"a": b"b"}, "[a] is of type bytes"), ({"a": 1e23}, "[a] is a float that would not"),
        ({"a": "x\0"}, "[a] holds a NUL character"), ({"a\0": 1}, " has a name that holds a NUL"),
        ({"a": [{"b": "\ud800"}]}, "[a][0][b] holds a lone surrogate"),
        ({"a": 2**63}, "[a] is a whole number of more than 64 bits"),
        (around(33), "[a]" * 32 + " is deeper than 32"), (around(0), "[a]" * 32 + " is deeper"),
    ],
    ids=lambda given: repr(given)[:20],
)  # fmt: skip  # a table
def test_an_unfit_object_is_refused_by_its_place(value: Any, problem: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(f"setting test.layout{problem}")):
        LAYOUT.to(value)


def test_an_object_nested_too_deeply_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(ParameterError):
        LAYOUT.to(deep)


def hand_made() -> SettingKey[str]:
    return SettingKey("test.theme", '"light"', str, lambda _: True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda db, key: user_settings.get(db, 1, key),
        lambda db, key: user_settings.get_all(db, 1, key),
        lambda db, key: user_settings.reset(db, 1, key),
        lambda db, key: user_settings.put(db, 1, SettingChoice(key, '"dark"')),
        lambda db, key: user_settings.get_all(db, 1)[key],
    ],
)
@pytest.mark.parametrize("key", [hand_made(), "test.theme", None, 7])
def test_a_key_that_no_service_declared_is_refused(
    db: Database, ask: Callable[[Database, object], object], key: object
) -> None:
    with pytest.raises(ParameterError, match=r"was not declared by user_settings\.declare"):
        ask(db, key)


@pytest.mark.parametrize("value", ["999999", "5.0", '"5"', "nope", "", "[" * 10_000, None, 5.5, []])
def test_a_choice_made_by_hand_is_checked(db: Database, user_id: int, value: Any) -> None:
    with pytest.raises(ParameterError, match="page_size: its key does not allow this value"):
        user_settings.put(db, user_id, NOTE.to("fine"), SettingChoice(SIZE, value))

    assert user_settings.list_by_user(db, user_id) == []


@pytest.mark.parametrize("choice", ["x", None, 7, SIZE, ("test.page_size", "5")])
def test_an_invalid_choice_is_refused(db: Database, user_id: int, choice: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"settings\.put: a choice was not made by SettingKey\.to"
    ):
        user_settings.put(db, user_id, choice)


def test_a_key_is_declared_once(db: Database) -> None:
    with pytest.raises(DeclarationError, match="theme: it is declared twice"):
        user_settings.declare("test.theme", str, default="light")

    assert user_settings.get(db, 1, THEME) == "light"


@pytest.mark.parametrize("name", ["", "A", "9", "a b", "a-b", "a" * 101, "a\n", "ä"])
def test_a_name_that_the_table_would_refuse_is_refused_at_import(name: str) -> None:
    with pytest.raises(DeclarationError, match="its default or its name is not allowed"):
        user_settings.declare(name, int, default=1)


def test_a_default_that_the_key_would_refuse_is_refused_at_import() -> None:
    wrong: Any = "1"
    for default in (wrong, 11, True):
        with pytest.raises(DeclarationError, match="its default or its name is not allowed"):
            user_settings.declare("test.never", int, default=default, most=10)


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        (THEME, '"purple"'), (THEME, "7"), (SIZE, "1001"), (SIZE, '"5"'), (SIZE, "null"),
        (SIZE, "5.5"), (SIZE, "true"), (SIZE, "1" + "0" * 5000), (RISK, "1" + "0" * 400),
        (RISK, "[1]"), (BELL, "1"), (LAYOUT, "[]"), (EVEN, "3"),
    ],
)  # fmt: skip  # a table
def test_a_stored_value_that_no_longer_fits_raises_an_error_that_names_the_key(
    db: Database, observer: Observer, user_id: int, key: SettingKey[Any], stored: str
) -> None:
    store(observer, user_id, key.name, stored)
    user_settings.put(db, user_id, NOTE.to("fine"))

    with pytest.raises(SettingError) as refused:
        user_settings.get(db, user_id, key)
    values = user_settings.get_all(db, user_id)
    with pytest.raises(SettingError):
        values[key]

    assert str(refused.value) == f"setting {key.name}: the stored value does not fit its key"
    assert values[NOTE] == "fine", "one bad value spoils no other"
    assert user_settings.reset(db, user_id, key) == 1
    user_settings.get(db, user_id, key)


def test_a_value_beyond_64_kib_is_refused_by_the_table(db: Database, user_id: int) -> None:
    with pytest.raises(CheckViolation) as refused:
        user_settings.put(db, user_id, THEME.to("dark"), NOTE.to("x" * 66_000))

    assert refused.value.diag.constraint_name == "settings_value_check"
    assert user_settings.list_by_user(db, user_id) == []
