"""The audit of settings: what is older than its retention is deleted, the oldest first."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.settings import app_settings, user_settings
from tests.support.log_rows import held
from tests.support.rig import Observer
from tests.support.setting_keys import SIZE

pytestmark = pytest.mark.changes_rows

DAY = timedelta(days=1)


def change_user_setting(db: Database, number: int) -> None:
    user_settings.put(db, 1, SIZE.to(number))


def change_app_setting(db: Database, number: int) -> None:
    app_settings.update_security(db, by=None, bad_key_threshold=number)


TABLES: dict[str, tuple[Any, Callable[[Database, int], None]]] = {
    "setting_changes": (user_settings, change_user_setting),
    "app_setting_changes": (app_settings, change_app_setting),
}


@pytest.mark.parametrize("table", TABLES)
def test_changes_that_are_too_old_are_deleted_the_oldest_first(
    db: Database, oadb_database_url: str, table: str
) -> None:
    module, change = TABLES[table]
    assert users.create(db, "asha", "asha@example.in").user_id == 1
    for number in (1, 2, 3):
        change(db, number)
    observer = Observer(oadb_database_url)
    observer.rows(
        f"update oadb.{table} set changed_at = now() - interval '2 days' where new_value <> '3'"
    )

    def left() -> list[str]:
        found = observer.rows(f"select new_value::text from oadb.{table} order by change_id")
        return [value for (value,) in found]

    assert module.delete_old_changes(db, older_than=DAY, batch=1) == 1
    assert left() == ["2", "3"]
    assert module.delete_old_changes(db, older_than=DAY) == 1
    assert module.delete_old_changes(db, older_than=DAY) == 0
    assert left() == ["3"]


def test_a_sweep_leaves_all_to_another_that_has_begun(db: Database, oadb_database_url: str) -> None:
    assert users.create(db, "asha", "asha@example.in").user_id == 1
    change_user_setting(db, 1)
    Observer(oadb_database_url).rows("update oadb.setting_changes set changed_at = '2020-01-01'")
    with held(oadb_database_url, "select from oadb.claims for update"):
        assert user_settings.delete_old_changes(db, older_than=DAY) == 0
    assert user_settings.delete_old_changes(db, older_than=DAY) == 1
