"""Settings of users: typed keys, one statement for many, an audit that does not skip a change."""

import json
from contextlib import suppress
from typing import Any, assert_type

import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import AsyncDatabase, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError, SettingError
from oadb.settings import user_settings
from oadb.settings.user_settings import SettingChange, SettingKey, StoredSetting
from tests.support.notifications import heard
from tests.support.rig import Observer, threads
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
    many,
    store,
    user_id,
)

__all__ = ["db", "many", "user_id"]

# One setting -----------------------------------------------------------------------------------


def test_a_setting_without_a_stored_value_has_its_default(db: Database, user_id: int) -> None:
    assert assert_type(user_settings.get(db, user_id, THEME), str) == "light"
    assert assert_type(user_settings.get(db, user_id, SIZE), int) == 50
    assert assert_type(user_settings.get(db, user_id, RISK), float) == 1.5
    assert assert_type(user_settings.get(db, user_id, BELL), bool) is True
    assert assert_type(user_settings.get(db, user_id, LAYOUT), dict[str, object]) == {"panes": 1}
    assert user_settings.list_by_user(db, user_id) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (THEME, "dark"),
        (SIZE, 0),
        (SIZE, 1000),
        (RISK, 0.1),
        (RISK, 7.0),
        (RISK, 1e-300),
        (WIDE, 1e23),
        (WIDE, 1.7976931348623157e308),
        (WIDE, -5e-324),
        (WIDE, float(2**53)),
        (BELL, False),
        (NOTE, "\U0001f600 'quoted' \\u0000 \n"),
        (LAYOUT, {"a": [1, 2.5, None, True], "b": {"c": ""}}),
        (LAYOUT, {}),
        (EVEN, -(2**63)),
        (EVEN, 2**63 - 2),
    ],
)
def test_a_stored_value_comes_back_with_the_type_of_its_key(
    db: Database, user_id: int, key: SettingKey[Any], value: Any
) -> None:
    assert user_settings.put(db, user_id, key.to(value)) == 1

    found = user_settings.get(db, user_id, key)
    assert found == value
    assert type(found) is type(value)


def test_a_whole_number_is_a_float_if_the_key_says_so(db: Database, user_id: int) -> None:
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


def test_a_value_equal_to_the_default_is_stored(db: Database, user_id: int) -> None:
    assert user_settings.put(db, user_id, SIZE.to(50)) == 1

    assert user_settings.list_by_user(db, user_id) == [StoredSetting(user_id, SIZE.name, "50")]


def test_a_default_object_changed_by_a_caller_stays_the_default(db: Database, user_id: int) -> None:
    user_settings.get(db, user_id, LAYOUT)["panes"] = 99

    assert user_settings.get(db, user_id, LAYOUT) == {"panes": 1}


async def test_settings_work_with_asyncio(adb: AsyncDatabase) -> None:
    asha = (await users.create(adb, "asha", "asha@example.in")).user_id
    await user_settings.put(adb, asha, SIZE.to(5), THEME.to("dark"))

    assert await user_settings.get(adb, asha, SIZE) == 5
    assert (await user_settings.get_all(adb, asha, THEME))[THEME] == "dark"
    assert await user_settings.reset(adb, asha, SIZE) == 1
    assert await user_settings.get(adb, asha, SIZE) == 50


def test_a_setting_is_read_and_put_under_an_identity(db: Database, user_id: int) -> None:
    with db.as_user(user_id).transaction() as tx:
        assert user_settings.put(tx, user_id, SIZE.to(7)) == 1
        assert user_settings.get(tx, user_id, SIZE) == 7
    assert [each.new_value for each in user_settings.list_changes(db, user_id)] == ["7"]


# Many ------------------------------------------------------------------------------------------


def test_many_settings_are_put_all_or_none_and_read_with_one_statement(
    db: Database, user_id: int
) -> None:
    assert user_settings.put(db, user_id, THEME.to("dark"), SIZE.to(5), BELL.to(True)) == 3
    assert user_settings.put(db, user_id, THEME.to("dark"), SIZE.to(6)) == 1, "one was so"

    values = user_settings.get_all(db, user_id, THEME, SIZE, RISK)
    assert assert_type(values[SIZE], int) == 6
    assert assert_type(values[THEME], str) == "dark"
    assert values[RISK] == 1.5
    with pytest.raises(ParameterError, match="bell: it is not among the keys of get_all"):
        values[BELL]
    (found,) = user_settings._find_all(db, user_id, [SIZE.name])
    assert found.name == SIZE.name, "no other is read"
    assert user_settings.get_all(db, user_id)[BELL] is True, "without keys, for every one"
    assert user_settings.list_by_user(db, user_id) == [
        StoredSetting(user_id, "test.bell", "true"),
        StoredSetting(user_id, "test.page_size", "6"),
        StoredSetting(user_id, "test.theme", '"dark"'),
    ]


def test_the_same_key_twice_is_refused(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match="two choices for the same key"):
        user_settings.put(db, user_id, SIZE.to(1), SIZE.to(2))


def test_a_put_without_choices_writes_nothing(db: Database, user_id: int) -> None:
    assert user_settings.put(db, user_id) == user_settings.reset(db, user_id) == 0


def test_a_reset_restores_the_default(db: Database, user_id: int) -> None:
    user_settings.put(db, user_id, SIZE.to(5), THEME.to("dark"))

    assert user_settings.reset(db, user_id, SIZE, BELL) == 1
    assert user_settings.get(db, user_id, SIZE) == 50
    assert user_settings.get(db, user_id, THEME) == "dark"


def test_users_do_not_share_settings(db: Database, user_id: int) -> None:
    other = users.create(db, f"other{user_id}", f"other{user_id}@example.in").user_id
    user_settings.put(db, user_id, SIZE.to(5))
    user_settings.put(db, other, SIZE.to(6))
    user_settings.reset(db, user_id, SIZE)

    assert user_settings.get(db, other, SIZE) == 6
    assert users.delete(db, other)
    assert user_settings.list_by_user(db, other) == []
    assert [each.name for each in user_settings.list_changes(db, other).rows] == [SIZE.name]


# Audit and listeners ---------------------------------------------------------------------------


def test_every_change_of_a_setting_is_audited(db: Database, user_id: int) -> None:
    admin = users.create(db, f"admin{user_id}", f"admin{user_id}@example.in").user_id
    user_settings.put(db, user_id, SIZE.to(5), THEME.to("dark"))
    user_settings.put(db, user_id, SIZE.to(5))
    user_settings.put(db, user_id, SIZE.to(6), by=admin)
    user_settings.put(db, user_id, SIZE.to(7), by=None)
    user_settings.reset(db, user_id, SIZE, BELL)
    user_settings.reset(db, user_id, THEME, by=admin)

    found = user_settings.list_changes(db, user_id)
    assert [(each.name, each.old_value, each.new_value, each.changed_by) for each in found] == [
        ("test.theme", '"dark"', None, admin),
        ("test.page_size", "7", None, user_id),
        ("test.page_size", "6", "7", None),
        ("test.page_size", "5", "6", admin),
        ("test.theme", None, '"dark"', user_id),
        ("test.page_size", None, "5", user_id),
    ]
    assert all(each.changed_at.tzinfo for each in found)


def test_changes_of_a_user_are_read_in_pages(db: Database, user_id: int) -> None:
    other = users.create(db, f"other{user_id}", f"other{user_id}@example.in").user_id
    for number in range(7):
        user_settings.put(db, user_id, SIZE.to(number))
        user_settings.put(db, other, SIZE.to(number))
    whole = user_settings.list_changes(db, user_id)
    found: list[SettingChange] = []
    cursor = None
    for expected in (3, 3, 1):
        page = user_settings.list_changes(db, user_id, cursor=cursor, limit=3)
        assert len(page) == expected
        user_settings.put(db, user_id, BELL.to(expected == 3))  # newer than the first page
        found += page
        cursor = page.next

    assert cursor is None
    assert found == whole.rows
    assert [each.new_value for each in found] == ["6", "5", "4", "3", "2", "1", "0"]
    foreign = user_settings.list_changes(db, other, limit=3).next
    for wrong in (foreign, "", "x"):
        with pytest.raises(ParameterError, match="list_changes: cursor is not one"):
            user_settings.list_changes(db, user_id, cursor=wrong)


@pytest.mark.parametrize("by", [0, -1, 777_777_777])
def test_an_actor_who_does_not_exist_changes_no_setting(
    db: Database, user_id: int, by: int
) -> None:
    user_settings.put(db, user_id, SIZE.to(5))
    for number in (5, 6):
        with pytest.raises(NoRowError, match=rf"^user_settings\.put: there is no user {by}$"):
            user_settings.put(db, user_id, SIZE.to(number), by=by)
    for key in (SIZE, THEME):
        with pytest.raises(NoRowError, match=rf"^user_settings\.reset: there is no user {by}$"):
            user_settings.reset(db, user_id, key, by=by)

    assert user_settings.get(db, user_id, SIZE) == 5
    assert len(user_settings.list_changes(db, user_id)) == 1


@pytest.mark.parametrize("given", [{}, {"by": None}, {"by": 777_777_777}], ids=str)
def test_settings_of_a_user_who_does_not_exist_are_refused(
    db: Database, given: dict[str, Any]
) -> None:
    with pytest.raises(NoRowError, match=r"^user_settings\.put: there is no user 777777777$"):
        user_settings.put(db, 777_777_777, SIZE.to(5), **given)

    assert user_settings.reset(db, 777_777_777, SIZE) == 0


def test_under_an_identity_only_its_user_acts(db: Database, user_id: int) -> None:
    """Row-level security hides all other users, and the platform is not the user."""
    other = users.create(db, f"other{user_id}", f"other{user_id}@example.in").user_id
    with db.as_user(user_id).transaction() as tx:
        assert user_settings.put(tx, user_id, SIZE.to(7), by=user_id) == 1
        with pytest.raises(NoRowError, match=f"there is no user {other}$"):
            user_settings.put(tx, user_id, SIZE.to(8), by=other)
        with pytest.raises(NoRowError, match=f"there is no user {other}$"):
            user_settings.reset(tx, user_id, SIZE, by=other)
    for work in (
        lambda tx: user_settings.put(tx, user_id, SIZE.to(8), by=None),
        lambda tx: user_settings.reset(tx, user_id, SIZE, by=None),
    ):
        with pytest.raises(InsufficientPrivilege), db.as_user(user_id).transaction() as tx:
            work(tx)

    assert [each.changed_by for each in user_settings.list_changes(db, user_id)] == [user_id]


def test_a_change_that_is_rolled_back_leaves_nothing_in_the_audit(
    db: Database, user_id: int
) -> None:
    with suppress(KeyError), db.transaction() as tx:
        user_settings.put(tx, user_id, SIZE.to(5))
        raise KeyError

    assert not user_settings.list_changes(db, user_id)


def test_concurrent_puts_leave_one_history_without_gaps(many: Database, user_id: int) -> None:
    """Each change begins with what the one before it ended with, the first puts as well."""
    with threads(16) as pool:
        done = list(
            pool.map(lambda n: user_settings.put(many, user_id, SIZE.to(n % 8)), range(160))
        )

    history = user_settings.list_changes(many, user_id, limit=1000).rows[::-1]
    assert len(history) == sum(done)
    assert [each.old_value for each in history] == [None, *(e.new_value for e in history[:-1])]
    assert history[-1].new_value == json.dumps(user_settings.get(many, user_id, SIZE))


def test_concurrent_bulk_puts_do_not_deadlock(many: Database, user_id: int) -> None:
    def put(number: int) -> None:
        choices = [SIZE.to(number), RISK.to(number), EVEN.to(2 * number)]
        user_settings.put(many, user_id, *choices[:: 1 if number % 2 else -1])

    with threads(16) as pool:
        list(pool.map(put, range(64)))

    values = user_settings.get_all(many, user_id)
    assert values[SIZE] == values[RISK] == values[EVEN] / 2


@pytest.mark.long("hundreds of concurrent writes")
def test_concurrent_puts_and_resets_do_not_deadlock(
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

    history = user_settings.list_changes(many, user_id, limit=1000).rows
    assert {each.name for each in history} == {key.name for key in keys}


def test_an_announcement_names_the_changed_setting(db: Database, url: str, user_id: int) -> None:
    def work() -> None:
        user_settings.put(db, user_id, SIZE.to(5))
        user_settings.put(db, user_id, SIZE.to(5))
        user_settings.put(db, user_id, SIZE.to(6), THEME.to("dark"))
        user_settings.reset(db, user_id, SIZE)
        user_settings.reset(db, user_id, SIZE)

    one = Change("settings", user_id, "test.page_size")
    assert heard(url, work) == [one, Change("settings", user_id, ""), one]
