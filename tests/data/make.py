"""Writes the files in this folder: the made-up market as each broker would list it. By hand:

    python -m tests.data.make

It uses no code of oadb, which reads these files: an error there is not repeated here.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

from tests.data.formats import FORMATS
from tests.data.made_instruments import Made, instruments
from tests.data.more_formats import MORE_FORMATS

FOLDER = Path(__file__).parent

_ALL = FORMATS | MORE_FORMATS

_HEADING = (
    "exchange", "symbol", "root", "name", "instrument_type", "expiry", "strike", "lot_size",
    "tick_size", "contract_value", "freeze_quantity", "files",
)  # fmt: skip  # a record


def files() -> dict[str, str]:
    """Return the text of each file; of one that is named .gz, before it is packed."""
    market = [*instruments()]
    texts = {
        name: each.text([row for row in market if each.lists(row)]) for name, each in _ALL.items()
    }
    return texts | {"instruments.csv": _expected(market)}


def _expected(market: list[Made]) -> str:
    """Return what has to be read: each instrument once, and the files that list it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADING)
    writer.writerows(map(_expected_line, market))
    return out.getvalue()


def _expected_line(row: Made) -> Iterator[object]:
    yield from (row.exchange, row.symbol, row.root, row.name, row.kind, row.expiry or "")
    yield from (row.price, row.lot, row.tick, row.value, row.most or "")
    yield " ".join(name for name, each in _ALL.items() if each.lists(row))


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        content = text.encode()
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        (FOLDER / name).write_bytes(packed)


if __name__ == "__main__":
    main()
