"""Settings that a user changes who is deleted meanwhile: the change waits, and is refused."""

from collections.abc import Callable

import pytest

from oadb import Database
from oadb.settings import app_settings, smtp_settings, user_settings
from tests.support.deleted_actors import refused_beside_a_deletion
from tests.support.setting_keys import SIZE, db, user_id

__all__ = ["db", "user_id"]

CHANGES: dict[str, Callable[[Database, int, int], object]] = {
    "user_settings.put": lambda db, by, owner: user_settings.put(db, owner, SIZE.to(5), by=by),
    "user_settings.reset": lambda db, by, owner: user_settings.reset(db, owner, SIZE, by=by),
    "set_trading_mode": lambda db, by, _: app_settings.set_trading_mode(db, "live", by=by),
    "update_security": lambda db, by, _: app_settings.update_security(
        db, by=by, bad_key_threshold=5
    ),
    "smtp_settings.update": lambda db, by, _: smtp_settings.update(db, by=by, port=25),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_setting_is_changed_by_a_user_who_is_deleted_meanwhile(
    db: Database, url: str, user_id: int, change: Callable[[Database, int, int], object]
) -> None:
    user_settings.put(db, user_id, SIZE.to(7))

    refused_beside_a_deletion(db, url, lambda other, by: change(other, by, user_id))
    assert user_settings.get(db, user_id, SIZE) == 7
