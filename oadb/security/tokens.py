"""Bearer tokens: made here, shown once, stored as a keyed digest that one index lookup finds.

    oak_<43 characters: 32 random bytes in base62><6 characters: CRC-32 in base62>

A token of 256 random bits needs no slow hash. Its digest is keyed, so that nobody who can write to
the table can plant a token of their own. Beside the digest stands the token's SHA-256, sealed: the
digest can then be made again under a new key without the token, which only its owner has.
"""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from zlib import crc32

from oadb.errors import SealError
from oadb.security.keyring import KeyRing
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES = 32
_BODY, _CHECKSUM = 43, 6


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What the database keeps of a token."""

    digest: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One kind of token: its prefix, and the column that holds its sealed SHA-256."""

    prefix: str
    column: SealedColumn

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a token of this kind looks like, for scanners that search for leaked secrets."""
        return re.compile(rf"{self.prefix}_[0-9A-Za-z]{{{_BODY + _CHECKSUM}}}")

    def new(self) -> Secret:
        """Return a new token."""
        number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES))
        body = f"{self.prefix}_{_base62(number, _BODY)}"
        return Secret(body + _checksum(body))

    def is_wellformed(self, token: Secret) -> bool:
        """Say whether *token* can be one of ours at all; a typing error makes it none."""
        text = token.reveal()
        return (
            len(text) == len(self.prefix) + 1 + _BODY + _CHECKSUM
            and text.isascii()
            and text.startswith(f"{self.prefix}_")
            and text[len(self.prefix) + 1 :].isalnum()
            and text.endswith(_checksum(text[:-_CHECKSUM]))
        )

    def lookups(self, ring: KeyRing, token: Secret) -> list[bytes]:
        """Return what *token* may be stored as, in the order to look for it.

        One digest for each usable key, normally one. The primary key's comes last: rotation moves
        rows to it, so that none can slip from in front of us to behind us.
        """
        return self._digests(ring, _sha256(token))[::-1]

    def belongs(self, ring: KeyRing, row: Row, token: Secret, fingerprint: bytes) -> bool:
        """Say whether *token* was stored in *row*: a digest alone can be copied to another one."""
        try:
            return compare_digest(self.column.open(ring, row, fingerprint), _sha256(token))
        except SealError:  # in the log by now
            return False

    def store(self, ring: KeyRing, row: Row, token: Secret) -> StoredToken:
        """Return what to store of *token* in *row*."""
        return self._stored(ring, row, _sha256(token))

    def store_again(self, ring: KeyRing, row: Row, fingerprint: bytes) -> StoredToken:
        """Return what to store under today's primary key. Raises SealError."""
        return self._stored(ring, row, self.column.open(ring, row, fingerprint))

    def _stored(self, ring: KeyRing, row: Row, hashed: bytes) -> StoredToken:
        digest = self._digests(ring, hashed)[0]
        return StoredToken(digest, self.column.seal(ring, row, hashed))

    def _digests(self, ring: KeyRing, hashed: bytes) -> list[bytes]:
        return ring.digests(f"digest/{self.prefix}", hashed)


def _sha256(token: Secret) -> bytes:
    return sha256(token.reveal().encode(errors="surrogatepass")).digest()


def _checksum(text: str) -> str:
    return _base62(crc32(text.encode()), _CHECKSUM)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
