"""When a caller that waits for a connection gives up, and what it is told."""

from time import monotonic

from oadb.engine.config import Config
from oadb.engine.observing import WaitFailed, WaitFailure
from oadb.engine.pool.leases import Leases
from oadb.engine.pool.outage import Outage
from oadb.errors import PoolTimeoutError, UnavailableError


class Exhaustion:
    """Distinguishes a pool whose connections are all in use from one that gets none."""

    def __init__(self, config: Config, leases: Leases, outage: Outage) -> None:
        self._config = config
        self._leases = leases
        self._outage = outage

    def check(self, waited: float, limit: float, patience: float) -> None:
        """Raise the reason if waiting longer is useless.

        Args:
            waited: seconds so far.
            limit: when the caller must have a connection (monotonic clock).
            patience: seconds to wait for a server that refuses connections.

        Raises:
            PoolTimeoutError: no connection became free in time.
            UnavailableError: no connection can be made.
        """
        outage = self._outage
        refused = outage.since is not None and len(self._leases) < self._config.pool_max
        is_over = waited >= self._config.pool_timeout_seconds or monotonic() >= limit
        # Of an outage that is older than *patience*, later callers learn at once.
        is_sure = refused and max(waited, monotonic() - (outage.since or 0.0)) >= patience
        if is_sure or (refused and is_over):
            raise UnavailableError(f"cannot connect to {self._config.dsn}: {outage.reason}")
        if is_over:
            raise self._busy(f"no connection in {waited:.1f} s")

    def check_queue(self, waiting: int) -> None:
        """Refuse a caller if as many wait already as may.

        Raises:
            PoolTimeoutError: they do.
        """
        if 0 < self._config.pool_max_waiting <= waiting:
            error = self._busy(f"{waiting} callers are waiting already")
            error.was_refused = True
            raise error

    def _busy(self, what: str) -> PoolTimeoutError:
        in_use = f"{len(self._leases)} of {self._config.pool_max} connections are in use"
        longest = self._leases.longest()
        advice = "raise DB_POOL_SIZE or DB_MAX_OVERFLOW, or hold connections for less time"
        return PoolTimeoutError(f"{what}: {in_use}{longest}; {advice}")


def wait_failed(label: str, waited: float, error: UnavailableError, waiting: int) -> WaitFailed:
    """Return what observers are told of a caller that got no connection."""
    reason: WaitFailure = "unavailable"
    if isinstance(error, PoolTimeoutError):
        reason = "refused" if error.was_refused else "timed out"
    return WaitFailed(label, waited, reason, waiting)
