"""When API keys were last used.

uses.add(verified)          # with each request
key_uses.flush(db, uses)    # once a minute
"""

import threading
from uuid import UUID

from oadb.accounts.api_keys import VerifiedKey
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor

__all__ = ["KeyUses", "flush"]

query = queries(__name__)


@query
def _store(user_ids: list[int], api_key_ids: list[UUID]) -> Affected: ...


query.complete()


class KeyUses:
    """Collects the keys that were used, for one write a minute instead of one per request."""

    def __init__(self) -> None:
        self._used: set[tuple[int, UUID]] = set()
        self._lock = threading.Lock()

    def add(self, key: VerifiedKey) -> None:
        """Note that a key was used, in memory only."""
        self._put_back([key.user_id], [key.api_key_id])

    def _take(self) -> tuple[list[int], list[UUID]]:
        """Return what was noted, as users and keys, and forget it."""
        with self._lock:
            used, self._used = sorted(self._used), set()
        return [user_id for user_id, _ in used], [api_key_id for _, api_key_id in used]

    def _put_back(self, user_ids: list[int], api_key_ids: list[UUID]) -> None:
        """Note again what was taken and could not be written."""
        with self._lock:
            self._used.update(zip(user_ids, api_key_ids, strict=True))


@operation
async def flush(db: AsyncExecutor, uses: KeyUses) -> int:
    """Write the uses collected so far. If that fails, they are written with the next call.

    Returns:
        The number of keys written; those that were written in the last minute are left out.
    """
    used = uses._take()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # a class of this module
    try:
        return await _store(db, *used)
    except BaseException:
        uses._put_back(*used)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # a class of this module
        raise
