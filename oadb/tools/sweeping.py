"""Rows that have expired, and are deleted or erased in batches: by ``oadb maintain``."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from oadb.accounts import (
    deleted_users,
    known_clients,
    lockouts,
    login_attempts,
    login_audit,
    one_time_tokens,
    sessions,
)
from oadb.bans import ip_bans, trackers
from oadb.changes import announcements
from oadb.engine.executors import Executor
from oadb.logs import partitions
from oadb.market import loads
from oadb.settings import app_settings, user_settings
from oadb.tools.retention import Retention
from oadb.trading import pending_orders

BATCH = 1000
"""Rows at a time."""

MONTH = timedelta(days=31)
"""The longest that a partition lasts: rows that are not older go with theirs."""


def sweeps(db: Executor, retention: Retention) -> dict[str, Callable[[], int]]:
    """Return, by table, what ends a batch of its expired rows and returns their number."""
    return {
        "sessions": partial(sessions.delete_expired, db, batch=BATCH),
        "changes": partial(announcements.delete_expired, db, batch=BATCH),
        "one_time_tokens": partial(one_time_tokens.delete_expired, db, batch=BATCH),
        "ip_bans": partial(ip_bans.delete_expired, db, batch=BATCH),
        "ip_trackers": partial(trackers.delete_expired, db, batch=BATCH),
        "lockouts": partial(lockouts.delete_expired, db, batch=BATCH),
        "locked_clients": partial(login_audit.delete_expired, db, batch=BATCH),
        "known_networks": partial(known_clients.delete_expired_networks, db, batch=BATCH),
        "known_devices": partial(known_clients.delete_expired_devices, db, batch=BATCH),
        "log_batches": partial(partitions.delete_expired_batches, db, batch=BATCH),
        "log_rejects": partial(partitions.delete_expired_rejects, db, batch=BATCH),
        "log_drops": partial(partitions.delete_expired_drops, db, batch=BATCH),
        **_kept_for_days(db, retention),
    }


def _kept_for_days(db: Executor, retention: Retention) -> dict[str, Callable[[], int]]:
    """Return the sweeps of tables with a retention of their own, without those kept forever."""
    found: dict[str, Callable[[], int]] = {}
    for table, delete_old in _DELETE_OLD.items():
        age = retention[_VARIABLES.get(table, table)]
        if age is not None:
            age += _LONGER.get(table, timedelta())
            found[table] = partial(delete_old, db, older_than=age, batch=BATCH)
    return found


_DELETE_OLD: dict[str, Callable[..., int]] = {
    "login_attempts": login_attempts.delete_old,
    "pending_orders": pending_orders.delete_old,
    "setting_changes": user_settings.delete_old_changes,
    "app_setting_changes": app_settings.delete_old_changes,
    "instrument_loads": loads.delete_old,
    "deleted_users": deleted_users.erase,
}
_VARIABLES = {"app_setting_changes": "setting_changes"}
_LONGER = {"login_attempts": MONTH}
