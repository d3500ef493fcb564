"""Settings of the application, in groups of one row each.

Whether orders go to a broker, and when an address is banned. A row that is not there raises
NoRowError, and a database that does not answer UnavailableError: no answer is made up.
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

# live: orders go to the broker; analyze: they are analyzed, and none is sent.
TradingMode = Literal["live", "analyze"]


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """When an address is banned, and for how long: hours, 0 for ever.

    The 404s and the wrong API keys of an address are counted, each up to its threshold; one that
    was banned ``repeat_offender_limit`` times is banned for ever.
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

    Of a secret, ``new_value`` says "changed" or "cleared", and ``old_value`` nothing.
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
    """Let orders go to a broker, or none, in every process that listens; False: it was so.

    *changed_by* is who decided, for the audit; None: nobody was signed in, and not, as in
    ``settings``, the user. Raises ParameterError for a mode that is none.
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
    """Change what is named, and nothing else, in every process that listens; False: it was so.

    0 is a value. Thresholds and the limit are at most 1,000,000, durations 87,600 hours; raises
    CheckViolation beyond. *changed_by* is as in ``set_trading_mode``.
    """
    changed = await announcements.write(
        db, Change("security_settings", None, ""), _set_security, changed_by, auto_ban_enabled,
        threshold_404, ban_duration_404, threshold_api, ban_duration_api, repeat_offender_limit,
    )  # fmt: skip
    return changed > 0
