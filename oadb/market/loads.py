"""Loads of instruments: each replaces the set of a broker as a whole, in one transaction.

A load that loses what an exchange held, for which its source is more likely wrong than right, is
refused: see LoadLimits. A hint on CHANNEL follows the commit of a load.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import psycopg

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.errors import Error, LoadError
from oadb.market import brokers
from oadb.market.brokers import files
from oadb.market.instruments import InstrumentRow
from oadb.market.intake import Intake
from oadb.market.left_out import LeftOut
from oadb.market.load_guards import Guard, LoadLimits, require_valid, sizes_of
from oadb.market.load_records import (
    end_load,
    get_status,
    is_due,
    list_exchange_status,
    list_recent,
    start_load,
)
from oadb.market.load_rows import (
    ExchangeStatus,
    Held,
    InstrumentLoad,
    LoadChange,
    LoadOutcome,
    LoadReport,
    LoadStatus,
)
from oadb.validation.said_texts import explained_error, without_secrets

__all__ = [
    "CHANNEL",
    "ExchangeStatus",
    "InstrumentLoad",
    "LeftOut",
    "LoadChange",
    "LoadLimits",
    "LoadOutcome",
    "LoadReport",
    "LoadStatus",
    "get_status",
    "is_due",
    "list_exchange_status",
    "list_recent",
    "load",
    "load_file",
    "preview",
]

query = queries(__name__)

CHANNEL = "oadb_instruments"
"""The channel of hints that a load has ended; they have no content."""

_LIMITS = LoadLimits()

# New instruments above this part of the listed ones make the statistics of the planner stale.
_STALE_PART = 0.1

LONGEST = timedelta(minutes=10, seconds=2)  # as in allow_time, and 2 s for the answer
_LONGEST_REASON, _LONGEST_NAME = 1000, 255


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
def _merge_search_entries() -> None: ...


@query
def _clear_staged(broker: str) -> Affected: ...


@query
def _refresh_statistics() -> None: ...


query.complete()


class _PreviewedError(Exception):
    """Rolls the transaction of a preview back, and brings its report out of it."""

    def __init__(self, report: LoadReport) -> None:
        super().__init__()
        self.report = report


@operation
async def load(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[InstrumentRow],
    *,
    source: str = "rows",
    checksum: bytes | None = None,
    downloaded_at: datetime | Unset | None = UNSET,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
    force: bool = False,
) -> LoadReport:
    """Replace the instruments of *broker* on *exchanges* by *rows*, all or nothing.

    Invalid rows and duplicates are left out (see ``intake``). Only differences are written. A load
    that fails changes nothing, and its record has the reason.

    Args:
        rows: iterated once; an error of the iterator is raised unchanged. Those of ``brokers.read``
            also say which exchanges must be among them.
        checksum: SHA-256 of *source*, for the record.
        downloaded_at: when *source* was downloaded from the broker, for ``is_due``; None: it is not
            known. Left out: now.
        exchanges: the exchanges to replace; None: those of *rows*. Others stay as they are.
        force: load the rows whatever the limits say, but for a set without a valid row.

    Returns:
        The number of rows written, and the rows left out with reasons.

    Raises:
        LoadError: no row is valid, the load would exceed *limits*, or another load of *broker* is
            running.
        ParameterError: *broker* is blank or exceeds 200 characters, or *exchanges* is a str; no
            record is written.
    """
    require_valid(broker, exchanges)
    load_id = await start_load(db, broker, without_secrets(source, _LONGEST_NAME), checksum)
    intake, guard = Intake(broker, exchanges), Guard(limits, brokers.together(rows), force=force)
    try:
        async with db.transaction() as tx:
            await _stage_all(tx, intake, rows)
            report = await _compare(tx, load_id, intake, guard)
            await _tidy(tx, broker, report)
            counts, sizes = intake.counts() | report.counts(), dict[str, object](report.exchanges)
            await end_load(tx, load_id, None, downloaded_at, counts, sizes, intake.left_out())
    except Exception as error:
        reason = explained_error(error, _LONGEST_REASON)
        with suppress(Error, psycopg.Error):  # the error of the load is more helpful
            counts = intake.counts()
            await end_load(db, load_id, reason, None, counts, {}, intake.left_out())
        raise
    return report


@operation
async def preview(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[InstrumentRow],
    *,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
) -> LoadReport:
    """Compare *rows* with the instruments of *broker* as ``load`` does, and write nothing.

    Returns:
        What the load would write; *objections* says why it would be refused.

    Raises:
        LoadError: no row is valid, or a load of *broker* is running.
        ParameterError: as in ``load``.
    """
    require_valid(broker, exchanges)
    intake, guard = Intake(broker, exchanges), Guard(limits, brokers.together(rows), writes=False)
    try:
        async with db.transaction() as tx:
            load_id = await start_load(tx, broker, "preview", None)
            await _stage_all(tx, intake, rows)
            _roll_back(await _compare(tx, load_id, intake, guard))
    except _PreviewedError as done:
        return done.report


@operation
async def load_file(
    db: AsyncExecutor,
    broker: str,
    path: Path,
    *,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
    force: bool = False,
) -> LoadReport:
    """Replace the instruments of *broker* by those of its file; see ``load``.

    Args:
        broker: one of ``brokers.READERS``.
        path: the file, plain or gzip; its name and its SHA-256 are recorded.

    Returns:
        The number of rows written, and the rows left out with reasons.

    Raises:
        LoadError: as in ``load``; or there is no reader for *broker*, or the file is not one of
            its files.
        ParameterError: as in ``load``.
    """
    return await load(
        db,
        broker,
        brokers.read(broker, path),
        source=path.name,
        checksum=files.checksum(path),
        exchanges=exchanges,
        limits=limits,
        force=force,
    )


def _roll_back(report: LoadReport) -> NoReturn:
    raise _PreviewedError(report)


async def _stage_all(tx: AsyncExecutor, intake: Intake, rows: Iterable[InstrumentRow]) -> None:
    broker = intake.broker
    if not await _claim_load(tx, broker):
        raise LoadError(f"another load of {broker} is in progress; try again when it has ended")
    await allow_time(tx)
    tx.allow(LONGEST)
    await _stage(tx, intake.accept(rows))
    intake.require_any()
    if intake.superseded:
        await _unstage(tx, broker, [*intake.superseded])


async def _compare(tx: AsyncExecutor, load_id: int, intake: Intake, guard: Guard) -> LoadReport:
    """Compare the staged rows with the listed ones, and write the differences if *guard* does."""
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


async def _tidy(tx: AsyncExecutor, broker: str, report: LoadReport) -> None:
    await _clear_staged(tx, broker)
    if report.inserted or report.updated:
        await _merge_search_entries(tx)
    if report.inserted > sum(before for before, _ in report.exchanges.values()) * _STALE_PART:
        await _refresh_statistics(tx)
    tx.hint(CHANNEL)
