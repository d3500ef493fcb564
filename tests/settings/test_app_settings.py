"""Settings of the application: one row for each group, changed by what is named, audited."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError
from oadb.settings import app_settings, smtp_settings, user_settings
from oadb.settings.app_settings import AppSettingChange, SecuritySettings
from tests.conftest import RING
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.changes_rows

FRESH = SecuritySettings(
    auto_ban_enabled=False,
    not_found_threshold=100,
    not_found_ban=None,
    bad_key_threshold=100,
    bad_key_ban=None,
    repeat_offender_limit=2,
)
ME = 1
HOUR = timedelta(hours=1)

GROUPS: dict[str, Callable[[Database], object]] = {
    "trading_mode": app_settings.get_trading_mode,
    "security_settings": app_settings.get_security,
    "smtp_settings": smtp_settings.get,
}


@pytest.fixture
def db(db: Database) -> Database:
    """Give a database of this test alone, with the user ME."""
    assert users.create(db, "asha", "asha@example.in").user_id == ME
    return db


def wide(url: str) -> Database:
    """Return a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    return Database(Config.from_env(environ))


def test_a_fresh_database_sends_no_orders(db: Database) -> None:
    assert app_settings.get_trading_mode(db) == "analyze"
    assert app_settings.get_security(db) == FRESH
    assert not app_settings.list_changes(db)


def test_the_trading_mode_is_the_last_one_set(db: Database) -> None:
    assert app_settings.set_trading_mode(db, "live", by=ME)
    assert app_settings.get_trading_mode(db) == "live"
    assert not app_settings.set_trading_mode(db, "live", by=ME), "it was so"
    assert app_settings.set_trading_mode(db, "analyze", by=None)
    assert app_settings.get_trading_mode(db) == "analyze"


def test_an_invalid_mode_is_refused(db: Database) -> None:
    modes: list[Any] = ["", "LIVE", "paper", "live ", None, True]
    for mode in modes:
        with pytest.raises(
            ParameterError,
            match=r"^app_settings\.set_trading_mode: "
            r"mode must be (one of live, analyze|str, not \w+)$",
        ):
            app_settings.set_trading_mode(db, mode, by=ME)

    assert app_settings.get_trading_mode(db) == "analyze"


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_cannot_have_a_second_row(db: Database, oadb_database_url: str, group: str) -> None:
    observer = Observer(oadb_database_url)
    with pytest.raises(UniqueViolation):
        observer.rows(f"insert into oadb.{group} default values")
    with pytest.raises(CheckViolation):
        observer.rows(f"insert into oadb.{group} (singleton_id) values (2)")

    assert GROUPS[group](db)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_whose_row_was_deleted_raises(
    db: Database, oadb_database_url: str, group: str
) -> None:
    Observer(oadb_database_url).rows(f"delete from oadb.{group}")
    changing: dict[str, Callable[[], object]] = {
        "trading_mode": lambda: app_settings.set_trading_mode(db, "analyze", by=ME),
        "security_settings": lambda: app_settings.update_security(db, by=ME, not_found_threshold=1),
        "smtp_settings": lambda: smtp_settings.update(db, by=ME, port=25),
    }

    with pytest.raises(NoRowError):
        GROUPS[group](db)
    with pytest.raises(NoRowError):
        changing[group]()
    assert not app_settings.list_changes(db)


def test_thresholds_change_one_by_one_and_0_is_a_value(db: Database) -> None:
    assert app_settings.update_security(db, by=ME, not_found_threshold=0)
    assert app_settings.update_security(db, by=ME, auto_ban_enabled=True, bad_key_threshold=0)
    assert app_settings.update_security(db, by=ME, repeat_offender_limit=0)
    assert not app_settings.update_security(db, by=ME, not_found_threshold=0), "it was so"
    assert not app_settings.update_security(db, by=ME)

    assert app_settings.get_security(db) == SecuritySettings(True, 0, None, 0, None, 0)
    assert app_settings.update_security(db, by=ME, auto_ban_enabled=False)
    assert app_settings.get_security(db).auto_ban_enabled is False


BOUNDS = {
    "not_found_threshold": "threshold_404",
    "bad_key_threshold": "threshold_api",
    "repeat_offender_limit": "repeat_offender_limit",
}


@pytest.mark.parametrize("field", BOUNDS)
def test_thresholds_have_bounds(db: Database, field: str) -> None:
    for value in (-1, 1_000_001):
        wrong: dict[str, Any] = {field: value}
        with pytest.raises(CheckViolation) as refused:
            app_settings.update_security(db, by=ME, **wrong)
        assert refused.value.diag.constraint_name == f"security_settings_{BOUNDS[field]}_check"

    right: dict[str, Any] = {field: 1_000_000}
    assert app_settings.update_security(db, by=ME, **right)
    assert getattr(app_settings.get_security(db), field) == 1_000_000
    assert len(app_settings.list_changes(db)) == 1


@pytest.mark.parametrize("field", ["not_found_ban", "bad_key_ban"])
def test_a_ban_lasts_whole_hours_or_forever(db: Database, field: str) -> None:
    for given in (HOUR, timedelta(days=2, hours=5), 87_600 * HOUR, None, 24 * HOUR):
        right: dict[str, Any] = {field: given}
        assert app_settings.update_security(db, by=ME, **right)
        assert not app_settings.update_security(db, by=ME, **right), "it was so"
        assert app_settings.get_security(db) == replace(FRESH, **right)

    found = app_settings.list_changes(db).rows
    assert {each.field for each in found} == {field}
    assert [each.new_value for each in found] == [
        "24:00:00", None, "87600:00:00", "53:00:00", "01:00:00",
    ]  # fmt: skip  # a table
    assert [each.old_value for each in found[:-1]] == [each.new_value for each in found[1:]]


@pytest.mark.parametrize("field", ["not_found_ban", "bad_key_ban"])
def test_a_ban_of_another_duration_is_refused(db: Database, field: str) -> None:
    durations = [
        timedelta(),
        -HOUR,
        HOUR / 2,
        90 * HOUR / 60,
        HOUR + timedelta(microseconds=1),
        87_601 * HOUR,
        timedelta.max,
    ]
    refused = {}
    for wrong in durations:
        given: dict[str, Any] = {field: wrong}
        try:
            app_settings.update_security(db, by=ME, **given)
        except ParameterError as error:
            refused[wrong] = str(error)

    rule = f"app_settings.update_security: {field} must be whole hours, 1 to 87,600"
    assert refused == dict.fromkeys(durations, rule)
    assert app_settings.get_security(db) == FRESH


def test_only_a_ban_can_be_none(db: Database) -> None:
    for field in (each.name for each in fields(SecuritySettings)):
        given: dict[str, Any] = {field: None}
        if field.endswith("_ban"):
            assert not app_settings.update_security(db, by=ME, **given), "it was so"
            continue
        with pytest.raises(
            ParameterError, match=rf"update_security: {field} must be (int|bool), not "
        ):
            app_settings.update_security(db, by=ME, **given)


@pytest.mark.parametrize("by", [0, -1, 777_777_777])
def test_an_actor_who_does_not_exist_is_refused_and_changes_nothing(db: Database, by: int) -> None:
    for call, name in (
        (lambda: app_settings.set_trading_mode(db, "live", by=by), "set_trading_mode"),
        (lambda: app_settings.set_trading_mode(db, "analyze", by=by), "set_trading_mode"),
        (lambda: app_settings.update_security(db, by=by, bad_key_threshold=5), "update_security"),
        (lambda: app_settings.update_security(db, by=by), "update_security"),
    ):
        with pytest.raises(NoRowError, match=rf"^app_settings\.{name}: there is no user {by}$"):
            call()

    assert app_settings.get_trading_mode(db) == "analyze"
    assert app_settings.get_security(db) == FRESH
    assert not app_settings.list_changes(db)


def test_every_change_is_audited_with_actor_time_and_old_value(db: Database) -> None:
    app_settings.set_trading_mode(db, "live", by=ME)
    app_settings.update_security(db, by=None, not_found_threshold=5, auto_ban_enabled=True)
    other = users.create(db, "ravi", "ravi@example.in").user_id
    app_settings.set_trading_mode(db, "analyze", by=other)

    found = app_settings.list_changes(db).rows
    said = [(e.changed_by, e.group_name, e.field, e.old_value, e.new_value) for e in found]
    assert said[0] == (other, "trading_mode", "mode", "live", "analyze")
    assert sorted(said[1:3], key=str) == [
        (None, "security_settings", "auto_ban_enabled", "false", "true"),
        (None, "security_settings", "not_found_threshold", "100", "5"),
    ]
    assert said[3:] == [(ME, "trading_mode", "mode", "analyze", "live")]
    assert found == sorted(found, key=lambda each: each.changed_at, reverse=True)


def test_changes_are_read_in_pages(db: Database) -> None:
    for number in range(7):
        app_settings.update_security(db, by=ME, bad_key_threshold=number)
    whole = app_settings.list_changes(db)
    found: list[AppSettingChange] = []
    cursor = None
    for expected in (3, 3, 1):
        page = app_settings.list_changes(db, cursor=cursor, limit=3)
        assert len(page) == expected
        app_settings.set_trading_mode(db, "live", by=ME)  # newer than the first page
        found += page
        cursor = page.next

    assert cursor is None
    assert whole.next is None
    assert found == whole.rows
    assert [each.new_value for each in found] == [str(number) for number in reversed(range(7))]


def test_a_cursor_of_another_list_is_refused(db: Database) -> None:
    theme = user_settings.declare("test_app_settings.theme", str, default="")
    for number in range(3):
        user_settings.put(db, ME, theme.to(str(number)))
        app_settings.update_security(db, by=ME, bad_key_threshold=number)
    foreign = user_settings.list_changes(db, ME, limit=1).next

    assert foreign is not None
    for cursor in (foreign, "", "x", "null"):
        with pytest.raises(
            ParameterError, match=r"^app_settings\.list_changes: cursor is not one "
        ):
            app_settings.list_changes(db, cursor=cursor)


def test_concurrent_changes_leave_one_history_without_gaps(
    db: Database, oadb_database_url: str
) -> None:
    def switch(number: int) -> bool:
        mode: app_settings.TradingMode = "live" if number % 2 else "analyze"
        return app_settings.set_trading_mode(many, mode, by=ME)

    with wide(oadb_database_url) as many, threads(16) as pool:
        done = list(pool.map(switch, range(160)))

    history = app_settings.list_changes(db, limit=1000).rows[::-1]
    assert len(history) == sum(done) > 0
    assert [each.old_value for each in history] == [
        "analyze",
        *(each.new_value for each in history[:-1]),
    ]
    assert history[-1].new_value == app_settings.get_trading_mode(db)


def test_concurrent_changes_of_different_fields_all_hold(
    db: Database, oadb_database_url: str
) -> None:
    names = ["not_found_threshold", "not_found_ban", "bad_key_threshold", "bad_key_ban"]

    def change(number: int) -> bool:
        name = names[number % 4]
        value = (number + 1000) * HOUR if name.endswith("ban") else number + 1000
        named: dict[str, Any] = {name: value}
        return app_settings.update_security(many, by=ME, **named)

    with wide(oadb_database_url) as many, threads(16) as pool:
        assert all(pool.map(change, range(64)))

    history = app_settings.list_changes(db, limit=1000)
    kept = app_settings.get_security(db)
    assert len(history) == 64
    for name in names:
        mine = [each for each in history if each.field == name][::-1]
        assert len(mine) == 16
        assert [each.old_value for each in mine[1:]] == [each.new_value for each in mine[:-1]]
        value = getattr(kept, name)
        shown = f"{value // HOUR}:00:00" if name.endswith("ban") else str(value)
        assert mine[-1].new_value == shown


def test_every_change_is_announced_and_nothing_else(db: Database, oadb_database_url: str) -> None:
    def work() -> None:
        app_settings.set_trading_mode(db, "live", by=ME)
        app_settings.set_trading_mode(db, "live", by=ME)
        app_settings.update_security(db, by=ME, not_found_threshold=5)
        app_settings.update_security(db, by=ME, not_found_threshold=5)

    assert heard(oadb_database_url, work) == [
        Change("trading_mode", None, ""),
        Change("security_settings", None, ""),
    ]


@pytest.mark.usefixtures("db")
async def test_settings_of_the_application_work_with_asyncio(adb: AsyncDatabase) -> None:
    assert await app_settings.set_trading_mode(adb, "live", by=ME)
    assert await app_settings.get_trading_mode(adb) == "live"
    assert await app_settings.update_security(adb, by=ME, bad_key_threshold=3)
    assert (await app_settings.get_security(adb)).bad_key_threshold == 3
