"""Readers of brokers' instrument files; each reads one format and yields listings."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from oadb.errors import LoadError
from oadb.market.brokers import (
    aliceblue,
    angel,
    dhan,
    fivepaisa,
    fyers,
    groww,
    kotak,
    shoonya,
    upstox,
    zerodha,
)
from oadb.market.brokers.files import Together
from oadb.market.instruments import InstrumentRow, Listing, Rejected

__all__ = ["READERS", "BrokerFile", "read"]

_MODULES = (
    aliceblue,
    angel,
    dhan,
    fivepaisa,
    fyers,
    groww,
    kotak,
    shoonya,
    upstox,
    zerodha,
)

READERS: dict[str, Callable[[Path], Iterator[Listing | Rejected]]] = {
    module.BROKER: module.read for module in _MODULES
}
"""The reader of each broker's files, by the name of the broker."""

_TOGETHER: dict[str, Together] = {module.BROKER: module.TOGETHER for module in _MODULES}


@dataclass(frozen=True, slots=True)
class BrokerFile(Iterable[Listing | Rejected]):
    """The rows of a broker's file, to be iterated once.

    Attributes:
        rows: a Listing for each row, or Rejected for a row that cannot be read.
        together: the exchanges of each file of the broker: a file with one of a set must have all
            of the set, or a load of it is refused.
    """

    rows: Iterator[Listing | Rejected]
    together: Together

    def __iter__(self) -> Iterator[Listing | Rejected]:
        """Return the rows."""
        return self.rows

    def through(
        self, watch: Callable[[Iterable[Listing | Rejected]], Iterator[Listing | Rejected]]
    ) -> "BrokerFile":
        """Return the same with its rows passed through *watch*."""
        return replace(self, rows=watch(self.rows))


def together(rows: Iterable[InstrumentRow]) -> Together:
    """Return the exchanges of each file of the broker that *rows* are from; none of other rows."""
    return rows.together if isinstance(rows, BrokerFile) else ()


def read(broker: str, path: Path) -> BrokerFile:
    """Read a broker's instrument file, plain or gzip.

    Returns:
        Its rows. Iterating them raises LoadError if the file is not one of the broker's files.

    Raises:
        LoadError: there is no reader for *broker*.
    """
    if broker not in READERS:
        raise LoadError(f"no reader for {broker[:40]!r}; expected one of {', '.join(READERS)}")
    return BrokerFile(READERS[broker](path), _TOGETHER[broker])
