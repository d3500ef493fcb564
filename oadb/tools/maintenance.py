"""Maintenance of tables: makes partitions ahead of need, deletes what has expired.

    oadb maintain                   once, from cron
    oadb maintain --every 60s       every minute, until SIGTERM
    oadb maintain --dry-run         shows what a run would do (maintenance_preview)

Each step is many small transactions that do not make readers or writers wait. If a run is killed,
the next one continues. It needs the rights of the owner of the tables.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event

import psycopg
from psycopg.errors import LockNotAvailable

from oadb.accounts import broker_tokens
from oadb.engine.blocking import Transaction
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import Error
from oadb.logs import partitions, rollups
from oadb.market import search_upkeep
from oadb.tools import audit_chain, log_findings, sweeping
from oadb.tools.findings import Finding, explain_command_error, explain_error
from oadb.tools.retention import Retention

PATIENCE = timedelta(seconds=10)
"""How long to try to lock a table that is in use, before it is left to the next run."""

# Seconds for a statement, and for one that moves, counts, drops or deletes all that there is.
_QUICK, _SLOW = 60.0, 3600.0

PartitionWork = Iterable[tuple[str, str, Callable[[], str]]]
"""A table, one of its partitions, and a function that changes it and returns what it did."""


def run(config: Config, retention: Retention, patience: timedelta = PATIENCE) -> Generator[Finding]:
    """Run all steps; if one fails, the next ones still run.

    Yields:
        A finding for each thing done, and for each that could not be done.
    """
    try:
        with _databases(config) as (db, slow), db.transaction() as claim:
            obstacle = missing_rights(db) or _other_run(claim)
            if obstacle is not None:
                yield Finding(False, "maintain", obstacle)
                return
            yield from _steps(db, slow, retention, patience)
            partitions.note_maintenance(db)
    except psycopg.Error as error:
        yield Finding(False, "maintain", explain_command_error(error, str(config.dsn)))
    except Error as error:
        yield Finding(False, "maintain", str(error))


@contextmanager
def _databases(config: Config) -> Generator[tuple[Database, Database]]:
    """Open the database twice: for what is quick, and for what may take long."""
    # The transaction of the claim is idle while statements run.
    limits = replace(
        config,
        max_overflow=0,
        call_deadline_seconds=None,
        idle_in_transaction_timeout_seconds=0.0,
        second_connection="allow",
    )
    with (
        Database(replace(limits, pool_size=2, statement_timeout_seconds=_QUICK)) as db,
        Database(replace(limits, pool_size=1, statement_timeout_seconds=_SLOW)) as slow,
    ):
        yield db, slow


def repeat(
    config: Config, retention: Retention, every: timedelta, ended: Event
) -> Iterator[Finding]:
    """Run, wait for *every*, and run again, until *ended* is set: then stop after a step.

    Yields:
        The findings of each run.
    """
    while not ended.is_set():
        with closing(run(config, retention)) as findings:
            for finding in findings:
                yield finding
                if ended.is_set():
                    return
        ended.wait(every.total_seconds())


def missing_rights(db: Database) -> str | None:
    """Return why this role may not maintain the tables; None if it may."""
    owner = partitions.find_owner(db)
    if owner.is_ours:
        return None
    return (
        f"{owner.role_name} may not change the tables: connect as their owner, "
        f"{owner.owner_name}, or as a member of that role"
    )


def _other_run(claim: Transaction) -> str | None:
    """Claim maintenance for this transaction; return why that cannot be, or None."""
    try:
        with claim.transaction() as attempt:
            partitions.claim_maintenance(attempt)
    except LockNotAvailable:
        return "another run is in progress"
    return None


def _steps(
    db: Database, slow: Database, retention: Retention, patience: timedelta
) -> Iterator[Finding]:
    for step in (
        _change_partitions(_missing_partitions(slow, patience)),
        _change_partitions(_partitions_for_strays(slow, patience)),
        _count_and_drop(db, slow, retention, patience),
        _sweep(db, retention),
        _audit(slow, retention),
        _search(slow),
        _remaining_problems(db),
    ):
        try:
            yield from step
        except psycopg.Error as error:
            yield Finding(False, "maintain", explain_error(error))


def _change_partitions(work: PartitionWork) -> Iterator[Finding]:
    """Do *work*; if a table is in use, leave the rest of it to the next run."""
    in_use = set[str]()
    for table, partition, change in work:
        if table in in_use:
            continue
        try:
            yield Finding(True, table, change())
        except LockNotAvailable:
            in_use.add(table)
            yield Finding(False, table, f"{partition} is in use; the next run tries again")
        except psycopg.Error as error:
            yield Finding(False, table, f"{partition}: {explain_error(error)}")


def _missing_partitions(db: Database, patience: timedelta) -> PartitionWork:
    for missing in partitions.list_missing(db):
        make = partial(_make, db, missing.table_name, missing.starts_at, patience)
        yield missing.table_name, missing.partition_name, make


def _partitions_for_strays(db: Database, patience: timedelta) -> PartitionWork:
    for strays in partitions.list_strays(db):
        table, starts_at = strays.table_name, strays.starts_at
        if starts_at is not None:
            yield table, f"{table}_default", partial(_make, db, table, starts_at, patience)


def _make(db: Database, table: str, starts_at: datetime, patience: timedelta) -> str:
    moved = partitions.make(db, table, starts_at, patience)
    made = f"made the partition that starts on {starts_at:%Y-%m-%d}"
    return f"{made}, moved {moved:,} rows of {table}_default into it" if moved else made


def _count_and_drop(
    db: Database, slow: Database, retention: Retention, patience: timedelta
) -> Iterator[Finding]:
    """Count logged rows into rollups, then drop expired ones: never rows that are not counted."""
    counted = rollups.refresh(db)
    if not counted.is_complete:
        yield Finding(False, "rollups", "another refresh is in progress; the next run continues")
        return
    if counted.batches:
        text = f"counted {counted.batches:,} batches of rows into {counted.minutes:,} minutes"
        yield Finding(True, "rollups", text)
    age = retention["rollups"]
    if age is not None:
        deleted = rollups.delete_old(slow, older_than=age)
        if deleted:
            yield Finding(True, "rollups", f"deleted {deleted:,} buckets")
    yield from _change_partitions(_expired_partitions(slow, retention, patience))


def _expired_partitions(db: Database, retention: Retention, patience: timedelta) -> PartitionWork:
    for table in partitions.list_tables(db):
        age = retention[table]
        for partition in [] if age is None else partitions.list_expired(db, table, age):
            yield table, partition, partial(_drop, db, table, partition, patience)


def _drop(db: Database, table: str, partition: str, patience: timedelta) -> str:
    partitions.drop(db, table, partition, patience)
    return f"dropped {partition}"


def _sweep(db: Database, retention: Retention) -> Iterator[Finding]:
    """Delete expired rows in batches; of broker tokens, set them aside."""
    with suppress(LockNotAvailable):  # one that is being replaced
        while broker_tokens.retire_expired(db, batch=sweeping.BATCH) == sweeping.BATCH:
            pass
    for table, sweep in sweeping.sweeps(db, retention).items():
        try:
            deleted = sum(_batches(sweep))
        except LockNotAvailable:  # nothing is lost: the next run deletes what is left
            yield Finding(True, table, "left expired rows that are in use to the next run")
            continue
        if deleted:
            yield Finding(True, table, f"deleted {deleted:,} rows")


def _audit(db: Database, retention: Retention) -> Iterator[Finding]:
    """Link security events, and delete those of days that have expired."""
    linked = audit_chain.link(db)
    if linked:
        yield Finding(True, "security_events", f"linked {linked:,} events")
    age = retention["security_events"]
    if age is None:
        return
    for day in audit_chain.forget(db, older_than=age):
        text = f"deleted {day.events:,} events of {day.day}; its last link stays"
        yield Finding(True, "security_events", text)


def _search(db: Database) -> Iterator[Finding]:
    """Rebuild the index of searches if it is far larger than its entries."""
    before = search_upkeep.get_size(db)
    if not before.is_wasteful:
        return
    if before.half_built is not None:  # or each run would leave one more
        text = f"a rebuild was interrupted: drop index concurrently {before.half_built}"
        yield Finding(False, "instruments", f"{text}; the next run tries again")
        return
    search_upkeep.rebuild(db)
    after = search_upkeep.get_size(db)
    yield Finding(True, "instruments", f"rebuilt the index of searches: {before} -> {after}")


def _batches(sweep: Callable[[], int]) -> Iterator[int]:
    """Call *sweep* until a batch is not full, and yield the size of each."""
    while (deleted := sweep()) == sweeping.BATCH:
        yield deleted
    yield deleted


def _remaining_problems(db: Database) -> Iterator[Finding]:
    for finding in (
        *log_findings.check_missing_partitions(db),
        *log_findings.check_default_partitions(db),
    ):
        if not finding.ok:
            yield finding
