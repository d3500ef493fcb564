"""Sealed columns: AES-256-GCM, bound to the table, the column and the row of each value.

A sealed value is ``0x01 | key id (4 bytes) | nonce (12) | ciphertext | tag (16)``. The header,
table, column and primary key are authenticated with it (as AAD), so that no value can be moved,
cut or altered. Each column has its own key under each root key, so that it stays far below the 2^32
messages after which random nonces of 12 bytes become a risk (NIST SP 800-38D, 8.3).
"""

import logging
import os
from dataclasses import dataclass, field
from uuid import UUID

from oadb.errors import SealError
from oadb.security.keyring import KeyRing

_log = logging.getLogger("oadb.security")

_VERSION = 1
_NONCE_BYTES, _TAG_BYTES = 12, 16
_HEADER_BYTES = 1 + 4
_HEADER_LENGTH = _HEADER_BYTES.to_bytes(4)
_BODY = _HEADER_BYTES + _NONCE_BYTES
OVERHEAD = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES
"""The number of bytes that sealing adds to a value."""

Row = tuple[int | str | UUID, ...]
"""The primary key of a row, which never changes."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose values are sealed."""

    table: str
    column: str
    _label: str = field(init=False, repr=False)
    _place: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the parts that all values of the column share."""
        object.__setattr__(self, "_label", f"seal/{self.table}.{self.column}")
        object.__setattr__(self, "_place", _joined(b"", ("oadb", self.table, self.column)))

    def seal(self, ring: KeyRing, row: Row, value: bytes) -> bytes:
        """Return *value*, which may be empty, sealed under the primary key."""
        key_id = ring.primary.key_id
        header = bytes((_VERSION,)) + key_id.to_bytes(4)
        nonce = os.urandom(_NONCE_BYTES)
        cipher = ring.cipher(key_id, self._label)
        assert cipher is not None  # noqa: S101  # a primary key is usable
        return header + nonce + cipher.encrypt(nonce, value, self._context(header, row))

    def open(self, ring: KeyRing, row: Row, sealed: bytes) -> bytes:
        """Return the value that was sealed.

        Raises:
            SealError: always with the same text; the log of oadb.security has the reason: not a
                sealed value, a key that is not in the ring, or tampering.
        """
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:_BODY]
        if len(sealed) < OVERHEAD or header[0] != _VERSION:
            raise self.refused(row, "it is not a sealed value")
        key_id = int.from_bytes(header[1:])
        cipher = ring.cipher(key_id, self._label)
        if cipher is None:
            raise self.refused(row, f"key {key_id} is not in the ring, or retired")
        try:
            return cipher.decrypt(nonce, sealed[_BODY:], self._context(header, row))
        except Exception as error:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # its cipher is there

            if not isinstance(error, InvalidTag):
                raise
        raise self.refused(row, f"it was altered or moved, or the ring has another key {key_id}")

    def reseal(self, ring: KeyRing, row: Row, sealed: bytes) -> bytes:
        """Return the same value sealed under the primary key.

        Raises:
            SealError: see ``open``.
        """
        return self.seal(ring, row, self.open(ring, row, sealed))

    def _context(self, header: bytes, row: Row) -> bytes:
        return _joined(self._place + _HEADER_LENGTH + header, row)

    def refused(self, row: Row, reason: str) -> SealError:
        """Return the error for a value that is not opened, whose reason is logged."""
        where = ", ".join(map(str, row))
        _log.error("%s.%s of %s cannot be opened: %s", self.table, self.column, where, reason)
        return SealError(f"{self.table}.{self.column}: a sealed value cannot be opened")


def _joined(context: bytes, parts: Row) -> bytes:
    """Join with lengths, not with a separator: ("a", "bc") and ("ab", "c") must differ."""
    for each in parts:
        part = str(each).encode("utf-8", "surrogatepass")
        context += len(part).to_bytes(4) + part
    return context
