"""Readers of brokers' instrument files: each turns one format into instruments.Listing."""

from collections.abc import Callable, Iterator
from pathlib import Path

from oadb.errors import LoadError
from oadb.market.brokers import angel, dhan, fyers, upstox, zerodha
from oadb.market.instruments import Listing, Rejected

READERS: dict[str, Callable[[Path], Iterator[Listing | Rejected]]] = {
    module.BROKER: module.read for module in (angel, dhan, fyers, upstox, zerodha)
}


def read(broker: str, path: Path) -> Iterator[Listing | Rejected]:
    """Yield the rows of a *broker*'s instrument file.

    Raises LoadError if there is no reader for the broker, or the file cannot be read as its.
    """
    if broker not in READERS:
        raise LoadError(f"no reader for {broker[:40]!r}; there are {', '.join(READERS)}")
    return READERS[broker](path)
