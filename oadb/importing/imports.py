"""Imports: what is brought over from another system, with its times.

What only grows there, such as a log, is brought over in the order of its ids; how far is recorded
in the transaction that stores the rows, so that nothing is brought over twice or left out, however
often a run is ended and begun again. That settings came, which come once, is recorded as well.
``oadb.importing`` reads the other system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oadb.accounts.login_attempts import Attempt
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import LoadError

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table was brought over; ``checksum`` is that of its last row.

    ``last_at`` is the latest time of its rows; None: none had one, or it is not known.
    """

    last_id: int
    checksum: bytes
    last_at: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of a table that are brought over together, up to ``last_id``.

    ``known`` is the checksum of the row before them, empty where they are the first; ``checksum``
    that of the last one, ``last_at`` their latest time. ``stored`` is how many of them are fit to
    be stored.
    """

    known: bytes
    last_id: int
    checksum: bytes
    last_at: datetime | None
    stored: int


@query
def get_progress(installation: str, table_name: str) -> Progress | None: ...


@query
def is_begun(table_name: str) -> bool: ...


@query
def list_changed_settings() -> list[str]: ...


@query
def _advance(
    installation: str,
    table_name: str,
    known: bytes,
    last_id: int,
    checksum: bytes,
    last_at: datetime | None,
    stored: int,
) -> Affected: ...


@query
def record_batch(
    batch_id: UUID, table_name: str, stored: int, first_at: datetime, last_at: datetime
) -> Affected: ...


@query
def _record_attempts(
    attempted_ats: list[datetime],
    usernames: list[str],
    user_ids: list[int],
    ips: list[str],
    devices: list[str],
    brokers: list[str],
    methods: list[str],
    outcomes: list[str],
    reasons: list[str],
) -> Affected: ...


query.complete()


@operation
async def advance(db: AsyncExecutor, installation: str, table_name: str, reach: Reach) -> None:
    """Record that rows were brought over, in the transaction that stores them.

    Raises LoadError, which is to undo them, if another run did so meanwhile.
    """
    if not await _advance(
        db, installation, table_name, reach.known, reach.last_id, reach.checksum, reach.last_at,
        reach.stored,
    ):  # fmt: skip
        raise LoadError(f"{table_name}: another import of {installation} is running; let it end")


@operation
async def record_attempts(db: AsyncExecutor, attempts: Sequence[Attempt]) -> int:
    """Write attempts with their own times; those of a user who is gone by now are nobody's."""
    return await _record_attempts(
        db,
        [each.attempted_at for each in attempts],
        [each.username for each in attempts],
        [each.user_id or 0 for each in attempts],
        [each.ip or "" for each in attempts],
        [each.device or "" for each in attempts],
        [each.broker or "" for each in attempts],
        [each.method for each in attempts],
        [each.outcome for each in attempts],
        [each.reason or "" for each in attempts],
    )
