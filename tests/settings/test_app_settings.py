"""Settings of the application: one row for each group, changed by what is named, audited."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from oadb import AsyncDatabase, Config, Database
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError
from oadb.settings import app_settings, smtp_settings
from oadb.settings.app_settings import SecuritySettings
from tests.conftest import RING
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

FRESH = SecuritySettings(
    auto_ban_enabled=False,
    threshold_404=100,
    ban_duration_404=0,
    threshold_api=100,
    ban_duration_api=0,
    repeat_offender_limit=2,
)
ME = 7

GROUPS: dict[str, Callable[[Database], object]] = {
    "trading_mode": app_settings.get_trading_mode,
    "security_settings": app_settings.get_security,
    "smtp_settings": smtp_settings.get,
}


def wide(url: str) -> Database:
    """Return a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    return Database(Config.from_env(environ))


def test_a_fresh_database_sends_no_orders(db: Database) -> None:
    assert app_settings.get_trading_mode(db) == "analyze"
    assert app_settings.get_security(db) == FRESH
    assert app_settings.list_changes(db) == []


def test_the_trading_mode_is_the_last_one_set(db: Database) -> None:
    assert app_settings.set_trading_mode(db, "live", changed_by=ME)
    assert app_settings.get_trading_mode(db) == "live"
    assert not app_settings.set_trading_mode(db, "live", changed_by=ME), "it was so"
    assert app_settings.set_trading_mode(db, "analyze", changed_by=None)
    assert app_settings.get_trading_mode(db) == "analyze"


@pytest.mark.parametrize("mode", ["", "LIVE", "paper", "live ", None, True])
def test_an_invalid_mode_is_refused(db: Database, mode: Any) -> None:
    with pytest.raises(ParameterError, match=r"mode must be (live or analyze|str, not )"):
        app_settings.set_trading_mode(db, mode, changed_by=ME)

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
        "trading_mode": lambda: app_settings.set_trading_mode(db, "analyze", changed_by=ME),
        "security_settings": lambda: app_settings.set_security(db, changed_by=ME, threshold_404=1),
        "smtp_settings": lambda: smtp_settings.set_account(db, changed_by=ME, port=25),
    }

    with pytest.raises(NoRowError):
        GROUPS[group](db)
    with pytest.raises(NoRowError):
        changing[group]()
    assert app_settings.list_changes(db) == []


def test_thresholds_change_one_by_one_and_0_is_a_value(db: Database) -> None:
    assert app_settings.set_security(db, changed_by=ME, threshold_404=0)
    assert app_settings.set_security(db, changed_by=ME, auto_ban_enabled=True, threshold_api=0)
    assert app_settings.set_security(db, changed_by=ME, repeat_offender_limit=0)
    assert not app_settings.set_security(db, changed_by=ME, threshold_404=0), "it was so"
    assert not app_settings.set_security(db, changed_by=ME)

    assert app_settings.get_security(db) == SecuritySettings(True, 0, 0, 0, 0, 0)
    assert app_settings.set_security(db, changed_by=ME, auto_ban_enabled=False)
    assert app_settings.get_security(db).auto_ban_enabled is False


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("threshold_404", 1_000_000),
        ("ban_duration_404", 87_600),
        ("threshold_api", 1_000_000),
        ("ban_duration_api", 87_600),
        ("repeat_offender_limit", 1_000_000),
    ],
)
def test_thresholds_have_bounds(db: Database, field: str, most: int) -> None:
    for value in (-1, most + 1):
        wrong: dict[str, Any] = {field: value}
        with pytest.raises(CheckViolation) as refused:
            app_settings.set_security(db, changed_by=ME, **wrong)
        assert refused.value.diag.constraint_name == f"security_settings_{field}_check"

    right: dict[str, Any] = {field: most}
    assert app_settings.set_security(db, changed_by=ME, **right)
    assert getattr(app_settings.get_security(db), field) == most
    assert len(app_settings.list_changes(db)) == 1


def test_every_change_is_audited_with_actor_time_and_old_value(db: Database) -> None:
    app_settings.set_trading_mode(db, "live", changed_by=ME)
    app_settings.set_security(db, changed_by=None, threshold_404=5, auto_ban_enabled=True)
    app_settings.set_trading_mode(db, "analyze", changed_by=8)

    found = app_settings.list_changes(db)
    said = [(e.changed_by, e.group_name, e.field, e.old_value, e.new_value) for e in found]
    assert said[0] == (8, "trading_mode", "mode", "live", "analyze")
    assert sorted(said[1:3], key=str) == [
        (None, "security_settings", "auto_ban_enabled", "false", "true"),
        (None, "security_settings", "threshold_404", "100", "5"),
    ]
    assert said[3:] == [(ME, "trading_mode", "mode", "analyze", "live")]
    assert found == sorted(found, key=lambda each: each.changed_at, reverse=True)
    assert app_settings.list_changes(db, found[0].change_id, 2) == found[1:3]


def test_concurrent_changes_leave_one_history_without_gaps(
    db: Database, oadb_database_url: str
) -> None:
    def switch(number: int) -> bool:
        mode: app_settings.TradingMode = "live" if number % 2 else "analyze"
        return app_settings.set_trading_mode(many, mode, changed_by=number)

    with wide(oadb_database_url) as many, threads(16) as pool:
        done = list(pool.map(switch, range(160)))

    history = app_settings.list_changes(db, page_size=1000)[::-1]
    assert len(history) == sum(done) > 0
    assert [each.old_value for each in history] == [
        "analyze",
        *(each.new_value for each in history[:-1]),
    ]
    assert history[-1].new_value == app_settings.get_trading_mode(db)


def test_concurrent_changes_of_different_fields_all_hold(
    db: Database, oadb_database_url: str
) -> None:
    fields = ["threshold_404", "ban_duration_404", "threshold_api", "ban_duration_api"]

    def change(number: int) -> bool:
        named: dict[str, Any] = {fields[number % 4]: number + 1000}
        return app_settings.set_security(many, changed_by=ME, **named)

    with wide(oadb_database_url) as many, threads(16) as pool:
        assert all(pool.map(change, range(64)))

    history = app_settings.list_changes(db, page_size=1000)
    assert len(history) == 64
    for field in fields:
        mine = [each for each in history if each.field == field][::-1]
        assert [each.old_value for each in mine[1:]] == [each.new_value for each in mine[:-1]]
        assert mine[-1].new_value == str(getattr(app_settings.get_security(db), field))


def test_every_change_is_announced_and_nothing_else(db: Database, oadb_database_url: str) -> None:
    def work() -> None:
        app_settings.set_trading_mode(db, "live", changed_by=ME)
        app_settings.set_trading_mode(db, "live", changed_by=ME)
        app_settings.set_security(db, changed_by=ME, threshold_404=5)
        app_settings.set_security(db, changed_by=ME, threshold_404=5)

    assert heard(oadb_database_url, work) == [
        Change("trading_mode", None, ""),
        Change("security_settings", None, ""),
    ]


async def test_settings_of_the_application_work_with_asyncio(adb: AsyncDatabase) -> None:
    assert await app_settings.set_trading_mode(adb, "live", changed_by=ME)
    assert await app_settings.get_trading_mode(adb) == "live"
    assert await app_settings.set_security(adb, changed_by=ME, threshold_api=3)
    assert (await app_settings.get_security(adb)).threshold_api == 3
