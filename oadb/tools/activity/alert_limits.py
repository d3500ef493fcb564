"""What is too much: every threshold of ``oadb doctor``, and where it is from.

Tests compare the tables of docs/operations.md and docs/reliability.md with them.
"""

from dataclasses import dataclass
from datetime import timedelta

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """The thresholds. A share is from 0 to 1, sizes are bytes, counts a day are averages."""

    clock_skew: timedelta = timedelta(seconds=2)
    """Between this host and the server; more ends tokens early and misdates logs."""

    certificate: timedelta = timedelta(days=30)
    """Until it expires: what certificate authorities themselves warn at, and a holiday long."""

    idle_transaction: timedelta = timedelta(minutes=5)
    """VACUUM removes no row that was deleted after its begin; services end theirs in seconds."""

    long_transaction: timedelta = timedelta(minutes=15)
    """Sixty times the default statement_timeout of a service (15 s): an export, or a mistake."""

    lock_wait: timedelta = timedelta(seconds=2)
    """Twice deadlock_timeout, after which PostgreSQL itself looks for the cause of a wait."""

    connections: float = 0.8
    """Of max_connections. A second service that starts its pool beside a full one is refused."""

    sequence: float = 0.8
    """Of the numbers of a sequence; the rest must last until a migration has widened a column."""

    index_waste: int = 64 * MEBIBYTE
    """Half of the default shared_buffers. Less is not worth a REINDEX."""

    index_bloat: float = 0.5
    """Of the pages of an index. Random inserts alone leave 30 % of a B-tree free."""

    table_waste: int = 256 * MEBIBYTE
    """Twice the default shared_buffers. Less is not worth a lock, or a copy of the table."""

    table_bloat: float = 0.5
    """Of the pages of a table: a scan reads twice what it needs."""

    changed_rows: int = 10_000
    """Dead or changed rows below which no plan and no scan suffers."""

    vacuum_delay: float = 2.0
    """Times the number of dead rows at which autovacuum begins: it was due one table ago."""

    analyze_delay: float = 2.0
    """Times the number of changed rows at which autovacuum analyzes."""

    freeze_delay: float = 1.5
    """Times autovacuum_freeze_max_age, and that of multixacts, at which autovacuum is forced."""

    standby_delay: timedelta = timedelta(minutes=1)
    """How long ago a standby was where the primary is; what a failover would lose."""

    standby_bytes: int = GIBIBYTE
    """Of WAL that a standby has not replayed: the default max_wal_size."""

    slot_bytes: int = 4 * GIBIBYTE
    """Of WAL that a replication slot keeps: four times the default max_wal_size."""

    held_transactions: int = 10_000_000
    """Since the oldest that a slot or a standby keeps rows for: a twentieth of freeze_max_age."""

    cache_hits: float = 0.9
    """Of the blocks that were asked for. OLTP that fits into its memory has over 0.99."""

    cache_reads: int = 1_000_000
    """Blocks (8 GB) that were read before hits are judged: a cache begins empty."""

    temporary_bytes: int = 10 * GIBIBYTE
    """Written to temporary files a day. Short statements sort and hash in work_mem."""

    deadlocks: float = 10.0
    """A day. Each costs two clients deadlock_timeout and one of them its transaction."""

    requested_checkpoints: float = 0.5
    """Of all checkpoints. They should come by time; those that WAL demands write pages twice."""

    checkpoints: float = 48.0
    """Requested ones a day below which their share does not matter: one in half an hour."""

    counted: timedelta = timedelta(hours=1)
    """Younger counters of checkpoints are not judged: a load or a restore asks for many."""

    wal_times: float = 3.0
    """Times the larger of max_wal_size and wal_keep_size that the files of the WAL may take."""


USUAL = AlertLimits()
"""Those of ``oadb doctor``."""
