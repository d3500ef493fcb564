"""Bearer tokens: made here, shown once, stored as a keyed digest that one index lookup finds.

    oak_<43 characters: 32 random bytes in base62><6 characters: CRC-32 in base62>

A token of 256 random bits needs no slow hash. Its digest is keyed, so that nobody who can write to
the table can plant a token of their own. Beside the digest stands the token's SHA-256, sealed: the
digest can then be made again under a new key without the token, which only its owner has.
"""

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from zlib import crc32

from oadb.errors import SealError
from oadb.security.keyring import KeyRing
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_RANDOM_BYTES = 32
_BODY, _CHECKSUM = 43, 6


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What the database keeps of a token."""

    digest: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One kind of token: its prefix, and the column that holds its sealed SHA-256.

    ``pattern`` is what it looks like, for scanners that search for leaked secrets. ``adopted`` is
    what tokens of another system look like, which was just as random: those were taken over, and
    are looked for as well. They have no checksum.
    """

    prefix: str
    column: SealedColumn
    adopted: re.Pattern[str] | None = None
    pattern: re.Pattern[str] = field(init=False, repr=False)
    _label: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare what every token of the kind shares."""
        form = rf"{self.prefix}_[0-9A-Za-z]{{{_BODY + _CHECKSUM}}}"
        object.__setattr__(self, "pattern", re.compile(form))
        object.__setattr__(self, "_label", f"digest/{self.prefix}")

    def new(self) -> Secret:
        """Return a new token."""
        number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES))
        body = f"{self.prefix}_{_base62(number, _BODY)}"
        return Secret(body + _checksum(body))

    def is_wellformed(self, token: Secret) -> bool:
        """Say whether *token* can be stored at all; a typing error makes one of ours none."""
        text = token.reveal()
        if self.pattern.fullmatch(text):
            return text.endswith(_checksum(text[:-_CHECKSUM]))
        return self.is_adoptable(token)

    def is_adoptable(self, token: Secret) -> bool:
        """Say whether *token* looks like one of the system that tokens are taken over from."""
        return self.adopted is not None and self.adopted.fullmatch(token.reveal()) is not None

    def digests(self, ring: KeyRing, hashed: bytes) -> list[bytes]:
        """Return what a token of this SHA-256 may be stored as.

        One digest for each usable key, normally one; the primary key's comes first.
        """
        return ring.digests(self._label, hashed)

    def belongs(self, ring: KeyRing, row: Row, hashed: bytes, fingerprint: bytes) -> bool:
        """Say whether the token of this SHA-256 was stored in *row*.

        A digest alone can be copied to another row.
        """
        try:
            return compare_digest(self.column.open(ring, row, fingerprint), hashed)
        except SealError:  # in the log by now
            return False

    def store(self, ring: KeyRing, row: Row, token: Secret) -> StoredToken:
        """Return what to store of *token* in *row*."""
        return self._stored(ring, row, sha256_of(token))

    def store_again(self, ring: KeyRing, row: Row, fingerprint: bytes) -> StoredToken:
        """Return what to store under today's primary key. Raises SealError."""
        return self._stored(ring, row, self.column.open(ring, row, fingerprint))

    def _stored(self, ring: KeyRing, row: Row, hashed: bytes) -> StoredToken:
        digest = self.digests(ring, hashed)[0]
        return StoredToken(digest, self.column.seal(ring, row, hashed))


def hint_of(token: Secret) -> str:
    """Return the first and last characters, by which a person can tell tokens apart."""
    return f"{token.reveal()[:8]}...{token.reveal()[-4:]}"


def sha256_of(token: Secret) -> bytes:
    """Return what a token is digested and known again by."""
    return sha256(token.reveal().encode(errors="surrogatepass")).digest()


def _checksum(text: str) -> str:
    number = crc32(text.encode())
    return _PAIRS[number // 62**4] + _PAIRS[number // 62**2 % 62**2] + _PAIRS[number % 62**2]


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
