"""Keys, columns and rows for tests of sealed values, and a check that a value is refused."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest

from oadb.errors import SealError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import Row, SealedColumn
from tests.support.error_texts import error_texts
from tests.support.log_records import logged
from tests.support.roots import some_root

MADE = datetime(2026, 1, 1, tzinfo=UTC)
# The ids differ in one bit, so that a flipped bit of the header can name another key of the ring.
FIRST = Key(1, "primary", MADE, some_root(1))
SECOND = Key(3, "decrypt-only", MADE, some_root(2))
RETIRED = Key(5, "retired", MADE, some_root(3))
RING = KeyRing([FIRST, SECOND, RETIRED])
PROMOTED = RING.with_primary(3)

ACCESS = SealedColumn("broker_tokens", "access_token")
REFRESH = SealedColumn("broker_tokens", "refresh_token")
ROW: Row = (7, "zerodha")
VALUE = b"enctoken hunter2"
SEALED = ACCESS.seal(RING, ROW, VALUE)

ALTERED = "it was altered or moved, or the ring has another key 1"

COLUMNS = [
    ACCESS,
    REFRESH,
    SealedColumn("second_factors", "access_token"),
    # Equal when the names are joined without lengths.
    SealedColumn("broker_tokens.access", "token"),
    SealedColumn("broker_token", "s.access_token"),
    SealedColumn("broker_tokensaccess", "_token"),
]
ROWS: list[Row] = [
    (7, "zerodha"),
    (7, "Zerodha"),
    (8, "zerodha"),
    ("zerodha", 7),
    (7,),
    (7, "zerodha", ""),
    ("", 7, "zerodha"),
    ("7zerodha",),
    ("a", "bc"),
    ("ab", "c"),
    ("abc", ""),
    ("", "abc"),
    ("abc",),
    (1, 23),
    (12, 3),
    (123,),
    (),
    ("",),
    ("", ""),
    (UUID(int=1),),
    (UUID(int=1).int,),
    (UUID(int=1).hex,),
    # A part that looks like the lengths and parts of others.
    ("a\0\0\0\x02bc",),
]


@dataclass(frozen=True)
class Refused:
    """Asserts that a value is not opened, and that the log has the reason."""

    caplog: pytest.LogCaptureFixture

    def __call__(
        self,
        reason: str,
        sealed: bytes,
        row: Row = ROW,
        ring: KeyRing = RING,
        column: SealedColumn = ACCESS,
    ) -> None:
        self.caplog.clear()
        with pytest.raises(SealError) as refused:
            column.open(ring, row, sealed)
        place, where = f"{column.table}.{column.column}", ", ".join(map(str, row))
        assert str(refused.value) == f"{place}: a sealed value cannot be opened"
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None
        [record] = logged(self.caplog, "oadb.security")
        assert record.levelname == "ERROR"
        assert record.getMessage() == f"{place} of {where} cannot be opened: {reason}"
        assert record.exc_info is None
        shown = error_texts(refused.value) + self.caplog.text
        for part in (VALUE, sealed, sealed[17:], FIRST.root.reveal()):
            if len(part) >= 8:  # fewer bytes occur anywhere
                assert repr(part)[2:-1] not in shown
                assert part.hex() not in shown
