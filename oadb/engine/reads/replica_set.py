"""The replicas of a Database: which are in use, how far behind each is, and who serves a read.

Each is asked about once a second while there are reads, apart from callers; after a pause the first
read asks. How far a replica is behind is known by where the log of the primary was, and when.
"""

import logging
import math
from collections import deque
from collections.abc import Callable
from time import monotonic

from oadb.engine.config import Config
from oadb.engine.driver import Driver
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.reads.asking import PrimaryState, ReplicaState, ask_primary, ask_replica
from oadb.engine.reads.read_stats import ReadStats, ReplicaStats
from oadb.engine.telling import Teller
from oadb.errors import PoolTimeoutError, UnavailableError

logger = logging.getLogger("oadb.replicas")

# Seconds between two questions to all servers, for which what they said is good, and within which
# each must answer.
_INTERVAL, _GOOD, _PATIENCE = 1.0, 5.0, 1.0

# Seconds after which a round of questions that did not end is forgotten, such as that of a thread
# that a forked child has not.
_LOST = 60.0

# Seconds in which a replica replays what was just written.
_MOMENT = 0.02

# Seconds after a read had to leave a replica, in which others ask it and do not wait.
_HURRIED = 0.5

# How often the log of the primary is remembered: about as long as anybody lets a replica be behind.
_REMEMBERED = 600

_UNASKED = "it was not asked yet"


class Replica:
    """A replica, its pool, and what is known of it."""

    def __init__(self, config: Config, driver: Driver, teller: Teller | None) -> None:
        self.host = host_of(config)
        self.pool = Pool(config, driver, teller)
        self.out = _UNASKED
        self.lag: float | None = None
        self.is_standby: bool | None = None
        self.reads = 0
        self.hurried_until = 0.0

    def patient(self, until: float) -> float:
        """Return until when a read waits for it, at most *until*; soon after a miss, not at all."""
        return until if monotonic() > self.hurried_until else 0.0

    def stats(self) -> ReplicaStats:
        """Return what is known of it."""
        return ReplicaStats(
            self.host, self.is_standby, self.out, self.lag, self.reads, self.pool.stats()
        )


class ReplicaSet:
    """The replicas of a Database, and the order in which a read tries them."""

    def __init__(
        self, config: Config, driver: Driver, teller: Teller | None, primary: Pool
    ) -> None:
        self.replicas = [
            Replica(config.of_replica(host), driver, teller) for host in config.read_hosts
        ]
        self.wait_seconds = config.read_wait_seconds
        self.is_pooled = config.pooler != "none"
        self.primary_reads = self.behind = 0
        self._most = config.read_max_lag_seconds
        self._driver = driver
        self._primary = primary
        self._past: deque[PrimaryState] = deque(maxlen=_REMEMBERED)
        self._began_at = self._asked_at = -math.inf
        self._runs: Callable[[], bool] = _does_not
        self._turn = 0
        self._is_told = False

    async def usable(self) -> list[Replica]:
        """Return the replicas in use, in the order in which to try them."""
        now = monotonic()
        is_asking = self._runs() and now - self._began_at < _LOST
        if not is_asking and now - self._began_at > _INTERVAL:
            self._runs, self._began_at = _does, now
            if now - self._asked_at < _GOOD:
                self._runs = self._driver.apart(self._ask_all())
            else:
                await self._ask_now()
        if monotonic() - self._asked_at > _GOOD:
            return []  # what is known is too old, and others are asking
        self._turn += 1
        used = [each for each in self.replicas if not each.out]
        start = self._turn % len(used) if used else 0
        return [*used[start:], *used[:start]]

    def take_out(self, replica: Replica, reason: str) -> None:
        """Give a replica no reads until it was asked again."""
        if not replica.out:
            logger.warning("the replica %s is out: %s", replica.host, reason)
        replica.out = reason

    def missed(self, replica: Replica) -> None:
        """Count a read that a replica was behind for; the next ones do not wait as well."""
        self.behind += 1
        now = monotonic()
        if now > replica.hurried_until:
            replica.hurried_until = now + _HURRIED

    def served_by_primary(self) -> None:
        """Count a read that no replica served; of the first, while all are out, say why."""
        self.primary_reads += 1
        if self._is_told or not all(each.out for each in self.replicas):
            return
        self._is_told = True
        reasons = "; ".join(f"{each.host}: {each.out}" for each in self.replicas)
        logger.warning("all replicas are out, and the primary serves their reads: %s", reasons)

    def stats(self) -> ReadStats:
        """Return what was counted, and what is known of each replica."""
        each = tuple(replica.stats() for replica in self.replicas)
        return ReadStats(each, self.primary_reads, self.behind)

    async def sentences(self) -> list[str]:
        """Say of each replica, in a sentence, whether it takes reads."""
        await self.usable()
        return [
            f"{each.host} takes reads" if not each.out else f"{each.host} takes none: {each.out}"
            for each in self.replicas
        ]

    async def close(self) -> None:
        """Close the pools of all replicas."""
        for replica in self.replicas:
            await replica.pool.close()

    async def _ask_now(self) -> None:
        try:
            await self._ask_all()
        finally:
            self._runs = _does_not

    async def _ask_all(self) -> None:
        """Ask the primary and then each replica how far it is, and judge the replicas."""
        primary: PrimaryState | None = None
        try:
            primary = await ask_primary(self._primary, self._driver, monotonic() + _PATIENCE)
            self._past.append(primary)
        except UnavailableError:
            pass  # replicas go on: how far they were behind before is all that is known
        for replica in self.replicas:
            try:
                state = await self._ask(replica)
            except PoolTimeoutError:
                continue  # busy with reads, as it was before
            except UnavailableError as error:
                self.take_out(replica, str(error))
            else:
                self._judge(replica, state, primary)
        self._asked_at = monotonic()

    async def _ask(self, replica: Replica) -> ReplicaState:
        limit = monotonic() + _PATIENCE
        state = await ask_replica(replica.pool, self._driver, limit)
        if self._lag_of(state) > self._most:
            # Perhaps by what was written in this instant, after nothing was for a long time.
            await self._driver.sleep(_MOMENT)
            state = await ask_replica(replica.pool, self._driver, limit)
        return state

    def _judge(self, replica: Replica, state: ReplicaState, primary: PrimaryState | None) -> None:
        replica.lag, replica.is_standby = self._lag_of(state), state.timeline is None
        if state.timeline is not None and (primary is None or state.timeline != primary.timeline):
            self.take_out(replica, "it is no standby, and not known to be the primary")
        elif replica.lag > self._most:
            self.take_out(replica, f"it is {replica.lag:.0f} s behind, beyond DB_READ_MAX_LAG")
        elif replica.out:
            if replica.out != _UNASKED:
                logger.warning("the replica %s is in use again", replica.host)
            replica.out, self._is_told = "", False

    def _lag_of(self, state: ReplicaState) -> float:
        """Return how many seconds a replica was behind, at most, when the primary was last asked.

        Before it was asked, and while it does not answer, nothing newer is known than what was.
        """
        if not self._past:
            return state.age if state.age is not None else math.inf
        newest = self._past[-1]
        if state.position >= newest.position:
            return 0.0
        seen = [each.moment for each in self._past if each.position <= state.position]
        by_log = newest.moment - max(seen) if seen else math.inf
        return min(by_log, math.inf if state.age is None else state.age)


def replicas_of(
    config: Config, driver: Driver, teller: Teller | None, primary: Pool
) -> ReplicaSet | None:
    """Return the replicas of a Database; None if it has none."""
    return ReplicaSet(config, driver, teller, primary) if config.read_hosts else None


def host_of(config: Config) -> str:
    """Return host and port of a replica, for messages."""
    given = config.dsn.keywords
    return f"{given.get('host', given.get('hostaddr', 'local socket'))}:{given.get('port', 5432)}"


def _does() -> bool:
    return True


def _does_not() -> bool:
    return False
