"""Records of loads of instruments, and how old the instruments are."""

from datetime import datetime, time

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import Unset
from oadb.engine.executors import AsyncExecutor
from oadb.market.load_rows import ExchangeStatus, InstrumentLoad, LoadStatus
from oadb.validation.argument_rules import TimeZone

query = queries(__name__)

_CUTOFF = time(8)


@query
def start_load(broker: str, source: str, checksum: bytes | None) -> int:
    """Record that a load begins; return its id."""
    ...


@query
def end_load(
    load_id: int,
    reason: str | None,
    downloaded_at: datetime | Unset | None,
    counts: dict[str, object],
    exchanges: dict[str, object],
    left_out: list[str],
) -> Affected:
    """Record that a load has succeeded, or failed for a *reason*."""
    ...


@query
def list_recent(
    broker: str, *, cursor: str | None = None, limit: Limit = 20
) -> Page[InstrumentLoad]:
    """List the loads of a broker, newest first."""
    ...


@query
def get_status(broker: str) -> LoadStatus | None:
    """Return the state of a broker's last load; None if there never was one."""
    ...


@query
def _list_exchange_status(broker: str, cutoff: time, time_zone: str) -> list[ExchangeStatus]: ...


query.complete()


@operation
async def list_exchange_status(
    db: AsyncExecutor,
    broker: str,
    *,
    cutoff: time = _CUTOFF,
    time_zone: TimeZone = "Asia/Kolkata",
) -> list[ExchangeStatus]:
    """Find out how old the instruments of each exchange are.

    Args:
        cutoff: time of day from which on the list of the day before is out of date.

    Returns:
        The exchanges on which *broker* lists instruments, in order; see ``is_due``.

    Raises:
        ParameterError: *time_zone* is not a name in the IANA time zone database.
    """
    return await _list_exchange_status(db, broker, cutoff, time_zone)


@operation
async def is_due(
    db: AsyncExecutor,
    broker: str,
    *,
    exchange: str | None = None,
    cutoff: time = _CUTOFF,
    time_zone: TimeZone = "Asia/Kolkata",
) -> bool:
    """Find out whether a broker's instruments are to be loaded again.

    An import counts from when its source had downloaded them; not at all if that is not known.

    Args:
        exchange: the one that is asked about; None: all on which *broker* lists instruments.
        cutoff: time of day from which on the list of the day before is out of date.

    Returns:
        Whether the list of one of these exchanges was not downloaded since the last *cutoff* in
        *time_zone*, or there is none.

    Raises:
        ParameterError: *time_zone* is not a name in the IANA time zone database.
    """
    found = await _list_exchange_status(db, broker, cutoff, time_zone)
    asked = [each for each in found if exchange in {None, each.exchange}]
    return not asked or any(each.is_due for each in asked)
