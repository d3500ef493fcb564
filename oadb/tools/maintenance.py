"""What tables need in the long run: partitions ahead of need, and an end for what is old.

    oadb maintain                   once, as cron runs it
    oadb maintain --every 60        again and again, until SIGTERM

Each step is many small transactions, none of which keeps readers or writers waiting; killed
anywhere, the next run goes on. It takes the rights of the owner of the tables.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event

import psycopg
from psycopg.errors import LockNotAvailable

from oadb.accounts import login_attempts, sessions
from oadb.bans import ip_bans, trackers
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import Error
from oadb.logs import partitions, rollups
from oadb.tools import catalog, log_findings
from oadb.tools.findings import Finding, reason, refusal
from oadb.tools.retention import Retention

BATCH = 1000
"""Rows that are deleted at a time."""

PATIENCE = timedelta(seconds=10)
"""How long a table that is in use is asked for; then it is left to the next run."""

Work = Iterable[tuple[str, str, Callable[[], str]]]
"""A table, one of its partitions, and what is to be done, which says what it did."""


def run(config: Config, retention: Retention, patience: timedelta = PATIENCE) -> Generator[Finding]:
    """Do what is to be done; yield what was done or found. A step that fails stops no other."""
    # Moving rows may take long, and the claim, which keeps two runs apart, is idle meanwhile.
    patient = replace(
        config, pool_size=2, max_overflow=0, statement_timeout=0.0, idle_in_transaction_timeout=0.0
    )
    try:
        with Database(patient) as db, db.transaction() as claim:
            hindrance = _hindrance(db)
            if hindrance is None and not partitions.claim_maintenance(claim):
                hindrance = "another run is in progress"
            if hindrance is not None:
                yield Finding(False, "maintain", hindrance)
                return
            yield from _steps(db, retention, patience)
            partitions.note_maintenance(db)
    except psycopg.Error as error:
        yield Finding(False, "maintain", refusal(error, str(config.dsn)))
    except Error as error:
        yield Finding(False, "maintain", str(error))


def repeat(config: Config, retention: Retention, every: float, ended: Event) -> Iterator[Finding]:
    """Run again and again, *every* so many seconds, until *ended* is set; then end at a step."""
    while not ended.is_set():
        with closing(run(config, retention)) as findings:
            for finding in findings:
                yield finding
                if ended.is_set():
                    return
        ended.wait(every)


def _hindrance(db: Database) -> str | None:
    owner = partitions.find_owner(db)
    if owner.is_ours:
        return None
    return (
        f"{owner.role_name} may not change the tables: connect as {owner.owner_name}, "
        "who owns them, or as a member of it"
    )


def _steps(db: Database, retention: Retention, patience: timedelta) -> Iterator[Finding]:
    """Yield from each step."""
    for step in (
        _each(_missing(db, patience)),
        _each(_strays(db, patience)),
        _count_and_drop(db, retention, patience),
        _sweep(db, retention),
        _remaining(db),
    ):
        try:
            yield from step
        except psycopg.Error as error:
            yield Finding(False, "maintain", reason(error))


def _each(work: Work) -> Iterator[Finding]:
    """Do *work*; of a table that is in use, the rest is left to the next run."""
    in_use = set[str]()
    for table, partition, do in work:
        if table in in_use:
            continue
        try:
            yield Finding(True, table, do())
        except LockNotAvailable:
            in_use.add(table)
            yield Finding(False, table, f"{partition} is in use; the next run tries again")
        except psycopg.Error as error:
            yield Finding(False, table, f"{partition}: {reason(error)}")


def _missing(db: Database, patience: timedelta) -> Work:
    for missing in partitions.list_missing(db):
        made = partial(_make, db, missing.table_name, missing.starts_at, patience)
        yield missing.table_name, missing.partition_name, made


def _strays(db: Database, patience: timedelta) -> Work:
    for strays in partitions.list_strays(db):
        table, starts_at = strays.table_name, strays.starts_at
        if starts_at is not None:
            yield table, f"{table}_default", partial(_make, db, table, starts_at, patience)


def _make(db: Database, table: str, starts_at: datetime, patience: timedelta) -> str:
    moved = partitions.make(db, table, starts_at, patience)
    made = f"made the partition from {starts_at:%Y-%m-%d} on"
    return f"{made}, and moved {moved:,} rows of {table}_default there" if moved else made


def _count_and_drop(db: Database, retention: Retention, patience: timedelta) -> Iterator[Finding]:
    """Count what statistics read from rows, then drop old rows; not what could not be counted."""
    counted = rollups.refresh(db)
    if not counted.is_complete:
        yield Finding(False, "rollups", "another refresh is in progress; the next run goes on")
        return
    if counted.batches:
        text = f"counted {counted.batches:,} batches, {counted.minutes:,} minutes"
        yield Finding(True, "rollups", text)
    age = retention["rollups"]
    if age is not None:
        deleted = rollups.delete_before(db, catalog.describe_server(db).clock - age)
        if deleted:
            yield Finding(True, "rollups", f"deleted {deleted:,} buckets")
    yield from _each(_expired(db, retention, patience))


def _expired(db: Database, retention: Retention, patience: timedelta) -> Work:
    for table in partitions.list_tables(db):
        age = retention[table]
        for partition in [] if age is None else partitions.list_expired(db, table, age):
            yield table, partition, partial(_drop, db, table, partition, patience)


def _drop(db: Database, table: str, partition: str, patience: timedelta) -> str:
    partitions.drop(db, table, partition, patience)
    return f"dropped {partition}"


def _sweep(db: Database, retention: Retention) -> Iterator[Finding]:
    """Delete what nobody needs any more, in batches."""
    age = retention["login_attempts"]
    sweeps: dict[str, Callable[[], int]] = {
        "sessions": partial(sessions.sweep, db, BATCH),
        "ip_bans": partial(ip_bans.sweep, db, BATCH),
        "ip_trackers": partial(trackers.sweep, db, BATCH),
        "lockouts": partial(login_attempts.sweep_lockouts, db, BATCH),
        "log_batches": partial(partitions.sweep_batches, db, BATCH),
        "log_rejects": partial(partitions.sweep_rejects, db, BATCH),
        "log_drops": partial(partitions.sweep_drops, db, BATCH),
    }
    if age is not None:
        sweeps["login_attempts"] = partial(login_attempts.delete_before, db, age, BATCH)
    for table, sweep in sweeps.items():
        deleted = sum(_batches(sweep))
        if deleted:
            yield Finding(True, table, f"deleted {deleted:,} rows")


def _batches(sweep: Callable[[], int]) -> Iterator[int]:
    """Yield the sizes of batches; the last is not a full one."""
    while (deleted := sweep()) == BATCH:
        yield deleted
    yield deleted


def _remaining(db: Database) -> Iterator[Finding]:
    for finding in (*log_findings.missing_partitions(db), *log_findings.default_partitions(db)):
        if not finding.ok:
            yield finding
