"""Readers of brokers' instrument files; each reads one format and yields listings."""

from collections.abc import Callable, Iterator
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
from oadb.market.instruments import Listing, Rejected

__all__ = ["READERS", "read"]

READERS: dict[str, Callable[[Path], Iterator[Listing | Rejected]]] = {
    module.BROKER: module.read
    for module in (
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
}
"""The reader of each broker's files, by the name of the broker."""


def read(broker: str, path: Path) -> Iterator[Listing | Rejected]:
    """Read a broker's instrument file, plain or gzip.

    Yields:
        A Listing for each row, or Rejected for a row that cannot be read.

    Raises:
        LoadError: there is no reader for *broker*, or the file is not one of its files.
    """
    if broker not in READERS:
        raise LoadError(f"no reader for {broker[:40]!r}; expected one of {', '.join(READERS)}")
    return READERS[broker](path)
