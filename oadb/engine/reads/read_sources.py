"""What Database and AsyncDatabase offer for reads on replicas."""

from oadb.engine.driver import Driver, drive
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool.commits import CommitPoint, position_of
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.reads.asking import committed
from oadb.engine.reads.blocking_reads import Reads
from oadb.engine.reads.read_executors import AsyncReads
from oadb.engine.reads.read_stats import ReadStats
from oadb.engine.reads.replica_set import ReplicaSet


async def reads_of_now(db: AsyncExecutor) -> AsyncExecutor:
    """Return what reads run on that must see all that was committed until now, by anybody.

    Args:
        db: an AsyncDatabase; of other executors and of one without replicas, itself is returned.

    Raises:
        UnavailableError: the primary does not say how far it is.
    """
    if not isinstance(db, AsyncReadSource) or db._replicas is None:
        return db
    return db.reads(after=await committed(db._pool, db._driver, by_all=True))


class AsyncReadSource:
    """Gives executors for reads, for asyncio."""

    _pool: Pool
    _driver: Driver
    _replicas: ReplicaSet | None

    def reads(self, *, after: CommitPoint | None = None, own_writes: bool = True) -> AsyncReads:
        """Return an executor for reads, which a replica runs if DATABASE_URL_READ names any.

        It takes declared reads, and operations of reads, that may be what they were a moment ago:
        lists, searches, statistics, streams. All else raises MisplacedError, before it is sent. A
        read sees what this Database has committed: it waits for a replica DB_READ_WAIT seconds, and
        is run by the primary then. Without replicas the primary runs all.

        Args:
            after: what else it must see: ``committed()`` of another process.
            own_writes: False: it need not see what this Database has committed.

        Raises:
            ParameterError: *after* is no CommitPoint.
        """
        position = position_of(after)
        return AsyncReads(
            self._pool, self._driver, self._replicas, after=position, own_writes=own_writes
        )

    async def committed(self) -> CommitPoint:
        """Return what a read must see that comes after the commits of this Database, elsewhere too.

        Pass it on, as a text, with what was done: ``reads(after=...)`` of another service sees it.

        Raises:
            UnavailableError: the primary was asked, and did not answer.
        """
        return await committed(self._pool, self._driver)

    def read_stats(self) -> ReadStats:
        """Return what runs reads: each replica, how far behind it is, and its pool."""
        return ReadStats((), 0, 0) if self._replicas is None else self._replicas.stats()


class ReadSource:
    """Gives executors for reads."""

    _source: AsyncReadSource

    def reads(self, *, after: CommitPoint | None = None, own_writes: bool = True) -> Reads:
        """Return an executor for reads, which a replica may run; see AsyncDatabase.reads.

        Args:
            after: what else a read must see: ``committed()`` of another process.
            own_writes: False: it need not see what this Database has committed.

        Raises:
            ParameterError: *after* is no CommitPoint.
        """
        return Reads(self._source.reads(after=after, own_writes=own_writes))

    def committed(self) -> CommitPoint:
        """Return what a read elsewhere must see after commits of this Database; see AsyncDatabase.

        Raises:
            UnavailableError: the primary was asked, and did not answer.
        """
        return drive(self._source.committed())

    def read_stats(self) -> ReadStats:
        """Return what runs reads: each replica, how far behind it is, and its pool."""
        return self._source.read_stats()
