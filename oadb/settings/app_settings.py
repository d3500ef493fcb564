"""Settings of the application, in groups of one row each.

The trading mode (whether orders are sent to the broker) and the rules for automatic bans. There are
no defaults in code: a missing row raises NoRowError, an unavailable database UnavailableError.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError

query = queries(__name__)

# live: orders are sent to the broker; analyze: they are analyzed and not sent.
TradingMode = Literal["live", "analyze"]


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """When an address is banned, and for how long: hours, 0 for permanently.

    The 404s and the wrong API keys of an address are counted, each towards its threshold; the
    ban number ``repeat_offender_limit`` of an address is permanent.
    """

    auto_ban_enabled: bool
    threshold_404: int
    ban_duration_404: int
    threshold_api: int
    ban_duration_api: int
    repeat_offender_limit: int


@dataclass(frozen=True, slots=True)
class AppSettingChange:
    """A change of one field. ``changed_by`` is a user; None: nobody was signed in.

    For a secret, ``new_value`` is "changed" or "cleared", and ``old_value`` is None.
    """

    change_id: int
    changed_at: datetime
    changed_by: int | None
    group_name: str
    field: str
    old_value: str | None
    new_value: str | None


@query
def get_trading_mode() -> TradingMode: ...


@query
def _set_trading_mode(mode: TradingMode, changed_by: int | None) -> int: ...


@query
def get_security() -> SecuritySettings: ...


@query
def _set_security(
    changed_by: int | None,
    auto_ban_enabled: bool | None,
    threshold_404: int | None,
    ban_duration_404: int | None,
    threshold_api: int | None,
    ban_duration_api: int | None,
    repeat_offender_limit: int | None,
) -> int: ...


@query
def list_changes(before: int | None = None, page_size: int = 100) -> list[AppSettingChange]: ...


query.complete()


@operation
async def set_trading_mode(db: AsyncExecutor, mode: TradingMode, *, changed_by: int | None) -> bool:
    """Set the trading mode, and announce it to every process that listens.

    Args:
        changed_by: the user who made the change, for the audit; None: nobody was signed in
            (unlike ``user_settings``, where it means the user).

    Returns:
        Whether the mode changed.

    Raises:
        ParameterError: *mode* is not "live" or "analyze".
    """
    if mode not in get_args(TradingMode):
        raise ParameterError("app_settings.set_trading_mode: mode must be live or analyze")
    change = Change("trading_mode", None, "")
    return await announcements.write(db, change, _set_trading_mode, mode, changed_by) > 0


@operation
async def set_security(
    db: AsyncExecutor,
    *,
    changed_by: int | None,
    auto_ban_enabled: bool | None = None,
    threshold_404: int | None = None,
    ban_duration_404: int | None = None,
    threshold_api: int | None = None,
    ban_duration_api: int | None = None,
    repeat_offender_limit: int | None = None,
) -> bool:
    """Change the given fields of the security settings, and announce it. None leaves a field.

    Args:
        changed_by: as in ``set_trading_mode``.
        threshold_404: 0 to 1,000,000, as ``threshold_api`` and ``repeat_offender_limit``; 0 never
            bans.
        ban_duration_404: 0 to 87,600 hours, as ``ban_duration_api``; 0 bans permanently.

    Returns:
        Whether any field changed.

    Raises:
        CheckViolation: a value out of range (psycopg).
    """
    changed = await announcements.write(
        db,
        Change("security_settings", None, ""),
        _set_security,
        changed_by,
        auto_ban_enabled,
        threshold_404,
        ban_duration_404,
        threshold_api,
        ban_duration_api,
        repeat_offender_limit,
    )
    return changed > 0
