"""Several observers of one Database, such as metrics, traces and the log of slow statements."""

from collections.abc import Callable

from oadb.engine.observing import (
    ConnectionChange,
    Observer,
    RowsDropped,
    RowsWritten,
    StatementDone,
    TransactionDone,
    WaitFailed,
    WriteFailed,
)

__all__ = ["ObserverGroup"]


class ObserverGroup(Observer):
    """Tells each of its observers what it hears, in their order.

    If some of them raise, the others hear nevertheless; the first error is raised at the end.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def statement(self, done: StatementDone) -> None:
        """Tell of a call of a declared statement."""
        self._tell(lambda observer: observer.statement(done))

    def transaction(self, done: TransactionDone) -> None:
        """Tell of a transaction."""
        self._tell(lambda observer: observer.transaction(done))

    def wait_failed(self, failed: WaitFailed) -> None:
        """Tell of a caller that got no connection."""
        self._tell(lambda observer: observer.wait_failed(failed))

    def connection(self, change: ConnectionChange) -> None:
        """Tell of a connection of the pool."""
        self._tell(lambda observer: observer.connection(change))

    def rows_written(self, written: RowsWritten) -> None:
        """Tell of a batch of a writer."""
        self._tell(lambda observer: observer.rows_written(written))

    def rows_dropped(self, dropped: RowsDropped) -> None:
        """Tell of rows that a writer did not take."""
        self._tell(lambda observer: observer.rows_dropped(dropped))

    def write_failed(self, failed: WriteFailed) -> None:
        """Tell of a failed attempt of a writer."""
        self._tell(lambda observer: observer.write_failed(failed))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        first: Exception | None = None
        for observer in self._observers:
            try:
                tell(observer)
            except Exception as error:  # noqa: BLE001  # of whatever kind, the others shall hear
                first = first or error
        if first is not None:
            raise first
