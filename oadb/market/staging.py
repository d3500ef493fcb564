"""The rows of a load on their way into the table of instruments, in one transaction."""

from collections.abc import Iterable
from datetime import date, timedelta
from operator import length_hint

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import LoadError
from oadb.market.instruments import InstrumentRow
from oadb.market.intake import Intake
from oadb.market.load_guards import Guard, sizes_of
from oadb.market.load_rows import Held, LoadChange, LoadReport

query = queries(__name__)

# New instruments above this part of the listed ones make the statistics of the planner stale.
_STALE_PART = 0.1

# Rows from which on it is seen that indexes are made faster at the end than filled.
_MANY = 5000

# As in allow_time, and 2 s for the answer.
LONGEST = timedelta(minutes=10, seconds=2)


@query
def _claim_load(broker: str) -> bool: ...


@query
def allow_time() -> str: ...


@query
def _stage(blocks: Iterable[bytes]) -> Affected: ...


@query
def _unstage(broker: str, positions: list[int]) -> Affected: ...


@query
def _count_held(broker: str) -> list[Held]: ...


@query
def _find_today() -> date: ...


@query
def _merge_staged(
    broker: str,
    exchanges: list[str],
    held_exchanges: list[str],
    held_types: list[str],
    most: list[int],
    writes: bool,
    is_forced: bool,
) -> list[LoadChange]: ...


@query
def _defer_search_indexes() -> bool: ...


@query
def hold_search_indexes() -> None: ...


@query
def merge_search_entries() -> None: ...


@query
def _clear_staged(broker: str) -> Affected: ...


@query
def _refresh_statistics() -> None: ...


query.complete()


async def defer(db: AsyncExecutor, rows: Iterable[InstrumentRow]) -> bool:
    """Drop the indexes that a first load makes at its end, if *rows* may be many; say whether."""
    return length_hint(rows, _MANY) >= _MANY and await _defer_search_indexes(db)


async def stage(tx: AsyncExecutor, intake: Intake, rows: Iterable[InstrumentRow]) -> None:
    """Write the valid rows of a load to the staging table.

    Raises:
        LoadError: another load of the broker is running, or no row is valid.
    """
    broker = intake.broker
    if not await _claim_load(tx, broker):
        raise LoadError(f"another load of {broker} is in progress; try again when it has ended")
    await allow_time(tx)
    tx.allow(LONGEST)
    await _stage(tx, intake.accept(rows))
    intake.require_any()
    if intake.superseded:
        await _unstage(tx, broker, [*intake.superseded])


async def compare(tx: AsyncExecutor, load_id: int, intake: Intake, guard: Guard) -> LoadReport:
    """Compare the staged rows with the listed ones, and write the differences if *guard* does.

    Raises:
        LoadError: *guard* refuses the load.
    """
    held = await _count_held(tx, intake.broker)
    sizes = sizes_of(held, intake.accepted_by_exchange())
    objections = [*guard.objections(intake, sizes, await _find_today(tx))]
    guard.refuse(objections)
    changes = await _merge_staged(
        tx,
        intake.broker,
        intake.exchanges,
        *guard.allowances(held),
        guard.writes,
        guard.force,
    )
    objections += guard.vanishing(held, changes)
    guard.refuse(objections)
    return intake.report(load_id, changes, sizes, objections)


async def tidy(tx: AsyncExecutor, broker: str, report: LoadReport) -> None:
    """Empty the staging table, and bring up to date what searches and plans depend on."""
    await _clear_staged(tx, broker)
    if report.inserted or report.updated:
        await merge_search_entries(tx)
    if report.inserted > sum(before for before, _ in report.exchanges.values()) * _STALE_PART:
        await _refresh_statistics(tx)
