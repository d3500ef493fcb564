"""Progress of imports, and rows that are imported with their original times.

A table that only grows, such as a log, is imported in the order of its ids. The transaction that
stores rows also records the last id: however often a run is interrupted and repeated, every row is
imported once. Settings are imported once, which is recorded here as well.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oadb.accounts.login_attempts import LoginMethod, LoginOutcome
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import LoadError

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table was imported.

    ``checksum`` identifies the last row. ``last_at`` is the latest time of the imported rows; None
    if it is unknown, or no row had a time. ``rows`` is how many rows were stored.
    """

    last_id: int
    checksum: bytes
    last_at: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class Reach:
    """The end of rows that are imported together.

    ``known`` is the checksum of the row before them, empty if they are the first; ``checksum`` that
    of the last of them, whose id is ``last_id``. ``last_at`` is their latest time, and ``stored``
    how many of them are stored.
    """

    known: bytes
    last_id: int
    checksum: bytes
    last_at: datetime | None
    stored: int


@dataclass(frozen=True, slots=True)
class ImportedAttempt:
    """An attempt to sign in, as an installation recorded it."""

    attempted_at: datetime
    username: str
    user_id: int | None
    ip: str | None
    device: str | None
    broker: str | None
    method: LoginMethod
    outcome: LoginOutcome
    reason: str | None


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
    """Record how far a table is imported, in the transaction that stores the rows.

    Raises:
        LoadError: another run imported rows meanwhile; let it roll the transaction back.
    """
    advanced = await _advance(
        db,
        installation,
        table_name,
        reach.known,
        reach.last_id,
        reach.checksum,
        reach.last_at,
        reach.stored,
    )
    if not advanced:
        raise LoadError(
            f"{table_name}: another import of {installation} is running; try again when it ends"
        )


@operation
async def record_attempts(db: AsyncExecutor, attempts: Collection[ImportedAttempt]) -> int:
    """Write attempts with their original times; those of deleted users get no user.

    Returns:
        The number of attempts written.
    """
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
