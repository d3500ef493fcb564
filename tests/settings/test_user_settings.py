"""Settings of users: typed keys, one statement for many, an audit that does not skip a change."""

import json
import re
from collections.abc import Callable, Generator
from contextlib import suppress
from itertools import count
from math import inf, nan
from typing import Any, assert_type

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import DeclarationError, ParameterError, SettingError
from oadb.settings import user_settings
from oadb.settings.user_settings import Choice, SettingKey, StoredSetting
from tests.conftest import RING, configured
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

numbers = count(1)

THEME = user_settings.declare("test.theme", str, default="light", choices=("light", "dark"))
SIZE = user_settings.declare("test.page_size", int, default=50, least=0, most=1000)
WIDE = user_settings.declare("test.wide", float, default=0.0)
RISK = user_settings.declare("test.risk", float, default=1.5, least=0, most=100)
BELL = user_settings.declare("test.bell", bool, default=True)
NOTE = user_settings.declare("test.note", str, default="", most=70_000)
LAYOUT = user_settings.declare("test.layout", dict[str, object], default={"panes": 1}, most=10)
EVEN = user_settings.declare("test.even", int, default=0, check=lambda value: value % 2 == 0)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def user_id(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


def store(observer: Observer, user_id: int, name: str, value: str) -> None:
    """Store JSON past all checks of ours, as another release or a DBA may have done."""
    observer.rows(
        "insert into oadb.settings (user_id, name, value) values (%s, %s, %s)",
        user_id, name, value,
    )  # fmt: skip


# One setting -----------------------------------------------------------------------------------


def test_what_nobody_chose_is_the_default(db: Database, user_id: int) -> None:
    assert assert_type(user_settings.get(db, user_id, THEME), str) == "light"
    assert assert_type(user_settings.get(db, user_id, SIZE), int) == 50
    assert assert_type(user_settings.get(db, user_id, RISK), float) == 1.5
    assert assert_type(user_settings.get(db, user_id, BELL), bool) is True
    assert assert_type(user_settings.get(db, user_id, LAYOUT), dict[str, object]) == {"panes": 1}
    assert user_settings.list_by_user(db, user_id) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (THEME, "dark"), (SIZE, 0), (SIZE, 1000), (RISK, 0.1), (RISK, 7.0), (RISK, 1e-300),
        (WIDE, 1e23), (WIDE, 1.7976931348623157e308), (WIDE, -5e-324), (WIDE, float(2**53)),
        (BELL, False), (NOTE, "\U0001f600 'quoted' \\u0000 \n"),
        (LAYOUT, {"a": [1, 2.5, None, True], "b": {"c": ""}}),
        (LAYOUT, {}), (EVEN, -(2**63)), (EVEN, 2**63 - 2),
    ],
)  # fmt: skip
def test_what_was_chosen_comes_back_of_the_type_of_its_key(
    db: Database, user_id: int, key: SettingKey[Any], value: Any
) -> None:
    assert user_settings.put(db, user_id, key.to(value)) == 1

    found = user_settings.get(db, user_id, key)
    assert found == value
    assert type(found) is type(value)


def test_a_whole_number_is_a_float_where_the_key_says_so(db: Database, user_id: int) -> None:
    user_settings.put(db, user_id, RISK.to(2))

    assert type(user_settings.get(db, user_id, RISK)) is float
    assert user_settings.put(db, user_id, RISK.to(2.0)) == 0


def test_a_number_of_the_wrong_type_is_mended_by_putting_the_same_one(
    db: Database, observer: Observer, user_id: int
) -> None:
    store(observer, user_id, SIZE.name, "5.0")
    with pytest.raises(SettingError):
        user_settings.get(db, user_id, SIZE)

    assert user_settings.put(db, user_id, SIZE.to(5)) == 1
    assert user_settings.get(db, user_id, SIZE) == 5
    assert user_settings.put(db, user_id, LAYOUT.to({"a": 1})) == 1
    assert user_settings.put(db, user_id, LAYOUT.to({"a": 1.0})) == 1
    assert type(user_settings.get(db, user_id, LAYOUT)["a"]) is float


def test_what_is_chosen_is_stored_also_where_it_is_the_default(db: Database, user_id: int) -> None:
    assert user_settings.put(db, user_id, SIZE.to(50)) == 1

    assert user_settings.list_by_user(db, user_id) == [StoredSetting(user_id, SIZE.name, "50")]


def test_a_default_that_is_changed_by_who_got_it_stays_the_default(
    db: Database, user_id: int
) -> None:
    user_settings.get(db, user_id, LAYOUT)["panes"] = 99

    assert user_settings.get(db, user_id, LAYOUT) == {"panes": 1}


async def test_settings_are_awaited_over_an_async_database(adb: AsyncDatabase) -> None:
    asha = (await users.create(adb, "asha", "asha@example.in")).user_id
    await user_settings.put(adb, asha, SIZE.to(5), THEME.to("dark"))

    assert await user_settings.get(adb, asha, SIZE) == 5
    assert (await user_settings.get_all(adb, asha, THEME))[THEME] == "dark"
    assert await user_settings.reset(adb, asha, SIZE) == 1
    assert await user_settings.get(adb, asha, SIZE) == 50


def test_a_setting_is_read_and_chosen_in_a_transaction_as_one_user(
    db: Database, user_id: int
) -> None:
    with db.as_user(user_id).transaction() as tx:
        assert user_settings.put(tx, user_id, SIZE.to(7)) == 1
        assert user_settings.get(tx, user_id, SIZE) == 7
    assert [each.new_value for each in user_settings.list_changes(db, user_id)] == ["7"]


# What is refused -------------------------------------------------------------------------------


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
)  # fmt: skip
def test_a_value_that_its_key_does_not_allow_is_refused_and_not_shown(
    key: SettingKey[Any], value: Any
) -> None:
    with pytest.raises(ParameterError) as refused:
        key.to(value)

    assert str(refused.value) == f"setting {key.name}: this is no value that its key allows"
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
        ({"a": {1}}, "[a] is of type set"), ({1: "a"}, " has a name that is no text"),
        ({"a": (1,)}, "[a] is of type tuple"), ({"a": nan}, "[a] is a float that would not"),
        ({"a": b"b"}, "[a] is of type bytes"), ({"a": 1e23}, "[a] is a float that would not"),
        ({"a": "x\0"}, "[a] holds a NUL character"), ({"a\0": 1}, " has a name that holds a NUL"),
        ({"a": [{"b": "\ud800"}]}, "[a][0][b] holds a lone surrogate"),
        ({"a": 2**63}, "[a] is a whole number of more than 64 bits"),
        (around(33), "[a]" * 32 + " is deeper than 32"), (around(0), "[a]" * 32 + " is deeper"),
    ],
    ids=lambda given: repr(given)[:20],
)  # fmt: skip
def test_an_object_that_would_not_come_back_is_refused_by_the_place_alone(
    value: Any, problem: str
) -> None:
    with pytest.raises(ParameterError, match=re.escape(f"setting test.layout{problem}")):
        LAYOUT.to(value)


def test_what_is_nested_too_deeply_is_refused() -> None:
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
        lambda db, key: user_settings.put(db, 1, Choice(key, '"dark"')),
        lambda db, key: user_settings.get_all(db, 1)[key],
    ],
)
@pytest.mark.parametrize("key", [hand_made(), "test.theme", None, 7])
def test_a_key_that_no_service_declared_is_refused(
    db: Database, ask: Callable[[Database, object], object], key: object
) -> None:
    with pytest.raises(ParameterError, match=r"is none that user_settings\.declare"):
        ask(db, key)


@pytest.mark.parametrize("value", ["999999", "5.0", '"5"', "nope", "", "[" * 10_000, None, 5.5, []])
def test_a_choice_made_by_hand_is_held_to_its_key(db: Database, user_id: int, value: Any) -> None:
    with pytest.raises(ParameterError, match="page_size: this is no value that its key allows"):
        user_settings.put(db, user_id, NOTE.to("fine"), Choice(SIZE, value))

    assert user_settings.list_by_user(db, user_id) == []


@pytest.mark.parametrize("choice", ["x", None, 7, SIZE, ("test.page_size", "5")])
def test_what_is_no_choice_is_refused(db: Database, user_id: int, choice: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"settings\.put: a choice is none that SettingKey\.to"
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
)  # fmt: skip
def test_what_is_stored_and_does_not_fit_its_key_any_more_is_a_typed_error_that_names_the_key(
    db: Database, observer: Observer, user_id: int, key: SettingKey[Any], stored: str
) -> None:
    store(observer, user_id, key.name, stored)
    user_settings.put(db, user_id, NOTE.to("fine"))

    with pytest.raises(SettingError) as refused:
        user_settings.get(db, user_id, key)
    values = user_settings.get_all(db, user_id)
    with pytest.raises(SettingError):
        values[key]

    assert str(refused.value) == f"setting {key.name}: what is stored does not fit its key"
    assert values[NOTE] == "fine", "one bad value spoils no other"
    assert user_settings.reset(db, user_id, key) == 1
    user_settings.get(db, user_id, key)


def test_a_value_beyond_64_kib_is_refused_by_the_table(db: Database, user_id: int) -> None:
    with pytest.raises(CheckViolation) as refused:
        user_settings.put(db, user_id, THEME.to("dark"), NOTE.to("x" * 66_000))

    assert refused.value.diag.constraint_name == "settings_value_check"
    assert user_settings.list_by_user(db, user_id) == []


def test_a_setting_of_nobody_is_refused(db: Database) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        user_settings.put(db, 2**62, BELL.to(False))

    assert refused.value.diag.constraint_name == "settings_user_id_fkey"


# Many ------------------------------------------------------------------------------------------


def test_many_are_chosen_all_or_none_and_read_with_one_statement(
    db: Database, user_id: int
) -> None:
    assert user_settings.put(db, user_id, THEME.to("dark"), SIZE.to(5), BELL.to(True)) == 3
    assert user_settings.put(db, user_id, THEME.to("dark"), SIZE.to(6)) == 1, "one was so"

    values = user_settings.get_all(db, user_id, THEME, SIZE, RISK)
    assert assert_type(values[SIZE], int) == 6
    assert assert_type(values[THEME], str) == "dark"
    assert values[RISK] == 1.5
    with pytest.raises(ParameterError, match="bell: its key was not asked for"):
        values[BELL]
    assert user_settings.get_all(db, user_id)[BELL] is True, "without keys, for every one"
    assert user_settings.list_by_user(db, user_id) == [
        StoredSetting(user_id, "test.bell", "true"), StoredSetting(user_id, "test.page_size", "6"),
        StoredSetting(user_id, "test.theme", '"dark"'),
    ]  # fmt: skip


def test_the_same_key_twice_is_refused(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match="the same key twice"):
        user_settings.put(db, user_id, SIZE.to(1), SIZE.to(2))


def test_nothing_chosen_is_nothing_written(db: Database, user_id: int) -> None:
    assert user_settings.put(db, user_id) == user_settings.reset(db, user_id) == 0


def test_a_reset_lets_the_default_hold_again(db: Database, user_id: int) -> None:
    user_settings.put(db, user_id, SIZE.to(5), THEME.to("dark"))

    assert user_settings.reset(db, user_id, SIZE, BELL) == 1
    assert user_settings.get(db, user_id, SIZE) == 50
    assert user_settings.get(db, user_id, THEME) == "dark"


def test_settings_of_users_are_their_own(db: Database, user_id: int) -> None:
    other = users.create(db, f"other{user_id}", f"other{user_id}@example.in").user_id
    user_settings.put(db, user_id, SIZE.to(5))
    user_settings.put(db, other, SIZE.to(6))
    user_settings.reset(db, user_id, SIZE)

    assert user_settings.get(db, other, SIZE) == 6
    assert users.delete(db, other)
    assert user_settings.list_by_user(db, other) == []
    assert user_settings.list_changes(db, other) == []


# Audit and listeners ---------------------------------------------------------------------------


def test_every_change_is_in_the_audit_with_who_and_what_it_was(db: Database, user_id: int) -> None:
    user_settings.put(db, user_id, SIZE.to(5), THEME.to("dark"))
    user_settings.put(db, user_id, SIZE.to(5))
    user_settings.put(db, user_id, SIZE.to(6), changed_by=999)
    user_settings.reset(db, user_id, SIZE, BELL)

    found = user_settings.list_changes(db, user_id)
    assert [(each.name, each.old_value, each.new_value, each.changed_by) for each in found] == [
        ("test.page_size", "6", None, user_id), ("test.page_size", "5", "6", 999),
        ("test.theme", None, '"dark"', user_id), ("test.page_size", None, "5", user_id),
    ]  # fmt: skip
    assert user_settings.list_changes(db, user_id, found[1].change_id) == found[2:]
    assert user_settings.list_changes(db, user_id, page_size=1) == found[:1]
    assert all(each.changed_at.tzinfo for each in found)


def test_a_change_that_is_rolled_back_leaves_nothing_in_the_audit(
    db: Database, user_id: int
) -> None:
    with suppress(KeyError), db.transaction() as tx:
        user_settings.put(tx, user_id, SIZE.to(5))
        raise KeyError

    assert user_settings.list_changes(db, user_id) == []


def test_puts_at_once_leave_one_history_without_a_gap(many: Database, user_id: int) -> None:
    """Each change begins with what the one before it ended with, the first puts as well."""
    with threads(16) as pool:
        done = list(
            pool.map(lambda n: user_settings.put(many, user_id, SIZE.to(n % 8)), range(160))
        )

    history = user_settings.list_changes(many, user_id, page_size=1000)[::-1]
    assert len(history) == sum(done)
    assert [each.old_value for each in history] == [None, *(e.new_value for e in history[:-1])]
    assert history[-1].new_value == json.dumps(user_settings.get(many, user_id, SIZE))


def test_bulk_puts_at_once_do_not_wait_for_each_other(many: Database, user_id: int) -> None:
    def put(number: int) -> None:
        choices = [SIZE.to(number), RISK.to(number), EVEN.to(2 * number)]
        user_settings.put(many, user_id, *choices[:: 1 if number % 2 else -1])

    with threads(16) as pool:
        list(pool.map(put, range(64)))

    values = user_settings.get_all(many, user_id)
    assert values[SIZE] == values[RISK] == values[EVEN] / 2


def test_puts_and_resets_of_many_at_once_do_not_wait_for_each_other(
    many: Database, observer: Observer, user_id: int
) -> None:
    """With rows moved about and statistics, so that a plan need not go by the order of names."""
    keys = [user_settings.declare(f"test.at_once{n:02}", int, default=0) for n in range(20)]
    for number in range(60):
        user_settings.put(many, user_id, *(key.to(number + 1) for key in keys))
    observer.rows("analyze oadb.settings")

    def work(number: int) -> None:
        if number % 3:
            user_settings.put(many, user_id, *(key.to(number) for key in keys))
        else:
            user_settings.reset(many, user_id, *keys)

    with threads(12) as pool:
        list(pool.map(work, range(600)))

    history = user_settings.list_changes(many, user_id, page_size=1000)
    assert {each.name for each in history} == {key.name for key in keys}


def test_who_caches_hears_which_setting_is_another_one(
    db: Database, url: str, user_id: int
) -> None:
    def work() -> None:
        user_settings.put(db, user_id, SIZE.to(5))
        user_settings.put(db, user_id, SIZE.to(5))
        user_settings.put(db, user_id, SIZE.to(6), THEME.to("dark"))
        user_settings.reset(db, user_id, SIZE)
        user_settings.reset(db, user_id, SIZE)

    one = Change("settings", user_id, "test.page_size")
    assert heard(url, work) == [one, Change("settings", user_id, ""), one]
