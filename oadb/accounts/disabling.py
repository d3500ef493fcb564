"""Disabling: the statement of ``users.disable`` and ``users.enable``, and what goes with it."""

from oadb.accounts import sessions
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.validation import owners

query = queries(__name__)


@query
def _set_disabled(user_id: int, is_disabled: bool, *, by: int | None) -> bool | None: ...


query.complete()


async def disable(tx: AsyncExecutor, user_id: int, by: int | None) -> bool | None:
    """Disable a user and end its sessions; return whether it was enabled, None: it is unknown."""
    changed = await _set_disabled(tx, user_id, True, by=by)
    if not changed:
        await owners.require_actor(tx, "users.disable", by)
    await sessions.end_all(tx, user_id)
    return changed


async def enable(tx: AsyncExecutor, user_id: int, by: int | None) -> bool | None:
    """Enable a user; return whether it was disabled, None: it is unknown."""
    changed = await _set_disabled(tx, user_id, False, by=by)
    if not changed:
        await owners.require_actor(tx, "users.enable", by)
    return changed
