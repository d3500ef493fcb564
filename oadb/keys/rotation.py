"""Rotation of root keys: rows sealed under another key are sealed again under the primary one.

Rows are read, sealed and written in batches, each row by compare and swap: nothing is locked in
between, and a row that was changed meanwhile is left alone. What is left to do is in the rows, so
that a rotation may be killed at any moment and started again.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import SealError
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.sealing import Row, SealedColumn
from oadb.security.tokens import TokenKind

query = queries(__name__)

Reseal = Callable[[KeyRing, Row, list[bytes]], list[bytes]]
"""Takes the ``sealed`` of a row and returns what to write for it. May raise SealError."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row of any table: its primary key, of one or two columns, and its sealed values.

    An empty value stands for null, because an element of an array cannot be null here.
    """

    first_id: int
    second_id: str | None
    sealed: list[bytes] = field(repr=False)

    @property
    def row(self) -> Row:
        """Its primary key."""
        return (self.first_id,) if self.second_id is None else (self.first_id, self.second_id)


@dataclass(frozen=True, slots=True)
class SealedTable:
    """How the rows of a table are sealed again and written.

    Attributes:
        name: The table, one of those that ``_list_under_key`` reads.
        reseal: Seals the values of a row again.
        write: Takes one array for each column of the primary key, one of the first sealed values
            as they were read, and one for each value that ``reseal`` returns. It leaves alone a
            row whose first sealed value is another by now.
    """

    name: str
    reseal: Reseal
    write: Callable[..., Coroutine[object, object, Affected]]


@dataclass(frozen=True, slots=True)
class RewrapBatch:
    """How many rows were read, and ``last``, which is the ``after`` of the next batch.

    ``damaged`` has the primary keys of the rows that cannot be opened; they stayed as they were.
    """

    rows: int
    last: int
    damaged: list[Row]


@query
def _list_under_key(table_name: str, key_id: int, after: int, batch: int) -> list[SealedRow]: ...


query.complete()


def columns(*sealed_columns: SealedColumn) -> Reseal:
    """Return a function that reseals one value for each of the columns."""

    def reseal(ring: KeyRing, row: Row, sealed: list[bytes]) -> list[bytes]:
        pairs = zip(sealed_columns, sealed, strict=True)
        return [column.reseal(ring, row, value) if value else b"" for column, value in pairs]

    return reseal


def token_and_columns(kind: TokenKind, *sealed_columns: SealedColumn) -> Reseal:
    """Return a function that reseals a fingerprint, then one value for each of the columns.

    What it returns begins with the fingerprint and the digest.
    """
    reseal_columns = columns(*sealed_columns)

    def reseal(ring: KeyRing, row: Row, sealed: list[bytes]) -> list[bytes]:
        stored = kind.store_again(ring, row, sealed[0])
        return [stored.fingerprint, stored.digest, *reseal_columns(ring, row, sealed[1:])]

    return reseal


@operation
async def rewrap(
    db: AsyncExecutor, table: SealedTable, key_id: int, batch: int, after: int = 0
) -> RewrapBatch:
    """Seal a batch of rows again; those that cannot be opened stay as they are.

    Args:
        db: The database.
        table: Where the rows are.
        key_id: The key that they are under now.
        batch: How many rows to read, at least 1.
        after: The ``last`` of the previous batch.

    Returns:
        What was read. A batch without rows is the end.

    Raises:
        KeyRingError: The key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    found = await _list_under_key(db, table.name, key_id, after, batch)
    written: list[tuple[object, ...]] = []
    damaged: list[Row] = []
    for each in found:
        row = each.row
        try:
            written.append((*row, each.sealed[0], *table.reseal(ring, row, each.sealed)))
        except SealError:  # in the log by now
            damaged.append(row)
    if written:
        await table.write(db, *map(list, zip(*written, strict=True)))
    return RewrapBatch(len(found), found[-1].first_id if found else 0, damaged)
