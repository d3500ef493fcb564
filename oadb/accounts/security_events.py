"""Security events: the audit of what changes who may do what.

Triggers of the tables write it, in the statement of the change, from wherever that comes; nothing
here writes. ``oadb audit`` verifies and exports it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries

__all__ = ["SecurityEvent", "SecurityEventKind", "list_all", "list_by_user"]

query = queries(__name__)

SecurityEventKind = Literal[
    "user_created", "user_deleted", "user_disabled", "user_enabled",
    "username_changed", "email_changed", "is_admin_changed",
    "password_changed", "password_rehashed",
    "session_begun", "session_changed", "session_ended",
    "second_factor_enrolled", "second_factor_confirmed", "second_factor_used",
    "second_factor_wrong", "second_factor_changed", "second_factor_removed", "recovery_codes_made",
    "api_key_issued", "api_key_replaced", "api_key_changed", "api_key_revoked",
    "broker_token_stored", "broker_token_revoked",
    "webhook_issued", "webhook_replaced", "webhook_revoked",
    "one_time_token_issued", "one_time_token_used", "one_time_token_revoked",
    "banned", "unbanned", "exempted", "unexempted",
    "trading_mode_changed",
    "order_approved", "order_rejected",
    "root_key_added", "root_key_promoted", "root_key_retired",
    "role_changed",
]  # fmt: skip  # a list
"""What happened.

password_rehashed: the same password under new parameters; session_ended: also of one that had
expired.
"""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """What changed who may do what.

    Attributes:
        user_id: Whom it concerns, also after the user was deleted; None: nobody in particular.
        by: The user who did it; None: the platform, or nobody was signed in.
        db_role: The role that had connected to the database.
        ip: Of the client; None: not known.
        detail: Values that are not secret; of one that changed an object with ``old`` and ``new``.
    """

    event_id: int
    happened_at: datetime
    kind: SecurityEventKind
    user_id: int | None
    by: int | None
    db_role: str
    ip: str | None
    detail: dict[str, object]


@query
def list_by_user(
    user_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[SecurityEvent]:
    """List what concerns a user, also a deleted one, in a window; newest first."""
    ...


@query
def list_all(
    *,
    kind: SecurityEventKind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[SecurityEvent]:
    """List the events of all users in a window, or those of a kind; newest first."""
    ...


query.complete()
