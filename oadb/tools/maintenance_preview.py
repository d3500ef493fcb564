"""What ``oadb maintain`` would do now, for ``--dry-run``.

Partitions are only listed. Rows are deleted as in a run, but at most one batch of each table, and
in transactions that are rolled back.
"""

from collections.abc import Generator, Iterator

import psycopg

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import Error
from oadb.logs import partitions, rollups
from oadb.market import search_upkeep
from oadb.tools import audit_chain
from oadb.tools.findings import Finding, explain_command_error
from oadb.tools.maintenance import missing_rights
from oadb.tools.rehearsal import rehearsed
from oadb.tools.retention import Retention
from oadb.tools.sweeping import BATCH, sweeps


def run(config: Config, retention: Retention) -> Generator[Finding]:
    """Yield a finding for each thing that a run would do. Changes nothing."""
    try:
        with Database(config) as db:
            obstacle = missing_rights(db)
            if obstacle is not None:
                yield Finding(False, "maintain", obstacle)
                return
            yield from _partitions(db, retention)
            yield from _rollups(db, retention)
            yield from _rows(db, retention)
            yield from _audit(db, retention)
            yield from _search(db)
    except psycopg.Error as error:
        yield Finding(False, "maintain", explain_command_error(error, str(config.dsn)))
    except Error as error:
        yield Finding(False, "maintain", str(error))


def _partitions(db: Database, retention: Retention) -> Iterator[Finding]:
    for missing in partitions.list_missing(db):
        yield Finding(True, missing.table_name, f"would make {missing.partition_name}")
    for strays in partitions.list_strays(db):
        if strays.starts_at is not None:
            text = f"would move {strays.rows:,} rows out of {strays.table_name}_default"
            yield Finding(True, strays.table_name, text)
    for table in partitions.list_tables(db):
        age = retention[table]
        for partition in [] if age is None else partitions.list_expired(db, table, age):
            yield Finding(True, table, f"would drop {partition}")


def _rollups(db: Database, retention: Retention) -> Iterator[Finding]:
    for waiting in rollups.list_backlog(db):
        text = f"would count {waiting.batches:,} batches of rows of {waiting.table_name}"
        yield Finding(True, "rollups", text)
    age = retention["rollups"]
    if age is not None:
        with rehearsed(db) as tx:
            deleted = rollups.delete_old(tx, older_than=age)
        if deleted:
            yield Finding(True, "rollups", f"would delete {deleted:,} buckets")


def _rows(db: Database, retention: Retention) -> Iterator[Finding]:
    for table in sweeps(db, retention):
        with rehearsed(db) as tx:
            deleted = sweeps(tx, retention)[table]()
        if deleted:
            more = " or more" if deleted == BATCH else ""
            yield Finding(True, table, f"would delete {deleted:,} rows{more}")


def _search(db: Database) -> Iterator[Finding]:
    size = search_upkeep.get_size(db)
    if size.is_wasteful:
        yield Finding(True, "instruments", f"would rebuild the index of searches: {size}")


def _audit(db: Database, retention: Retention) -> Iterator[Finding]:
    with rehearsed(db) as tx:
        linked = audit_chain.link(tx)
    if linked:
        yield Finding(True, "security_events", f"would link {linked:,} events")
    age = retention["security_events"]
    for day in [] if age is None else audit_chain.list_expired(db, older_than=age):
        yield Finding(True, "security_events", f"would delete the events of {day}")
