"""Settings of the application, in groups of one row each.

The trading mode (whether orders are sent to the broker) and the rules for automatic bans. There are
no defaults in code: a missing row raises NoRowError, an unavailable database UnavailableError.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Rule, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.validation import owners
from oadb.validation.argument_rules import Duration, Positive

__all__ = [
    "AppSettingChange",
    "SecuritySettings",
    "TradingMode",
    "delete_old_changes",
    "get_security",
    "get_trading_mode",
    "list_changes",
    "set_trading_mode",
    "update_security",
]

query = queries(__name__)

TradingMode = Literal["live", "analyze"]
"""Live: orders are sent to the broker; analyze: they are analyzed and not sent."""

_HOUR = timedelta(hours=1)
_LONGEST_BAN = timedelta(hours=87_600)


def _whole_hours(value: timedelta) -> timedelta:
    if not _HOUR <= value <= _LONGEST_BAN or value % _HOUR:
        raise ValueError("must be whole hours, 1 to 87,600")
    return value


_Hours = Annotated[timedelta, Rule("whole hours, 1 to 87,600", _whole_hours)]


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """When an address is banned, and for how long; None: permanently.

    Nothing is banned automatically until ``auto_ban_enabled`` is set; at first it is not.
    The requests of an address that were not found and those with a wrong API key are counted, each
    kind towards its threshold; 0 never bans. The ban number ``repeat_offender_limit`` of an address
    is permanent; 0: none is for that reason.
    """

    auto_ban_enabled: bool
    not_found_threshold: int
    not_found_ban: timedelta | None
    bad_key_threshold: int
    bad_key_ban: timedelta | None
    repeat_offender_limit: int


@dataclass(frozen=True, slots=True)
class AppSettingChange:
    """A change of one field, with its values as text.

    ``changed_by`` is a user; None: the platform. For a secret, ``new_value`` is "changed" or
    "cleared", and ``old_value`` is None.
    """

    change_id: int
    changed_at: datetime
    changed_by: int | None
    group_name: str
    field: str
    old_value: str | None
    new_value: str | None


@query
def get_trading_mode() -> TradingMode:
    """Return the trading mode."""
    ...


@query
def _set_trading_mode(mode: TradingMode, *, by: int | None) -> Affected: ...


@query
def get_security() -> SecuritySettings:
    """Return the security settings."""
    ...


@query
def _update_security(
    *,
    by: int | None,
    auto_ban_enabled: bool | Unset,
    not_found_threshold: int | Unset,
    not_found_ban: timedelta | Unset | None,
    bad_key_threshold: int | Unset,
    bad_key_ban: timedelta | Unset | None,
    repeat_offender_limit: int | Unset,
) -> Affected: ...


@query
def list_changes(*, cursor: str | None = None, limit: Limit = 100) -> Page[AppSettingChange]:
    """List the changes of settings of the application, newest first."""
    ...


@query
def delete_old_changes(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* changes of settings that are older; return how many."""
    ...


query.complete()


@operation
async def set_trading_mode(db: AsyncExecutor, mode: TradingMode, *, by: int | None) -> bool:
    """Set the trading mode, and announce it to every process that listens.

    Args:
        by: the user who makes the change, for the audit; None: the platform.

    Returns:
        Whether the mode changed.

    Raises:
        ParameterError: *mode* is not "live" or "analyze".
        NoRowError: there is no user *by*.
    """
    change = Change("trading_mode", None, "")
    changed = await announcements.write(db, change, _set_trading_mode, mode, by=by)
    if not changed:
        await owners.require_actor(db, "app_settings.set_trading_mode", by)
        await get_trading_mode(db)  # raises if the row is missing
    return changed > 0


@operation
async def update_security(
    db: AsyncExecutor,
    *,
    by: int | None,
    auto_ban_enabled: bool | Unset = UNSET,
    not_found_threshold: int | Unset = UNSET,
    not_found_ban: _Hours | Unset | None = UNSET,
    bad_key_threshold: int | Unset = UNSET,
    bad_key_ban: _Hours | Unset | None = UNSET,
    repeat_offender_limit: int | Unset = UNSET,
) -> bool:
    """Change the given fields of the security settings, and announce it; others stay.

    Args:
        by: as in ``set_trading_mode``.
        not_found_threshold: 0 to 1,000,000, as *bad_key_threshold*; 0 never bans.
        not_found_ban: whole hours, 1 to 87,600, as *bad_key_ban*; None bans permanently.
        repeat_offender_limit: 0 to 1,000,000; bans are permanent from this one on, 0: never.

    Returns:
        Whether any field changed.

    Raises:
        ParameterError: a ban that is not of whole hours, or out of range; or a number out of range.
        NoRowError: there is no user *by*.
    """
    changed = await announcements.write(
        db,
        Change("security_settings", None, ""),
        _update_security,
        by=by,
        auto_ban_enabled=auto_ban_enabled,
        not_found_threshold=not_found_threshold,
        not_found_ban=not_found_ban,
        bad_key_threshold=bad_key_threshold,
        bad_key_ban=bad_key_ban,
        repeat_offender_limit=repeat_offender_limit,
    )
    if not changed:
        await owners.require_actor(db, "app_settings.update_security", by)
        await get_security(db)  # raises if the row is missing
    return changed > 0
