"""Bearer tokens: shown once, and stored as a keyed digest that one index lookup finds.

    oak_<43 characters: 32 random bytes in base62>
        <16 characters: the user id in hexadecimal digits>
        <6 characters: CRC-32 in base62>

A token of 256 random bits needs no slow hash. Its digest is keyed, so that write access to the
table is not enough to plant a token. The sealed SHA-256 of the token is stored beside it, so that
the digest can be computed under a new key without the token, which only its owner has.

The user id says where the row of the token is, and proves nothing: it is digested with the rest, so
a token with another one is unknown. Each id has one spelling. Tokens of the old form, which have no
user id, are accepted until they end or are replaced.
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
_BODY, _OWNER, _CHECKSUM = 43, 16, 6

# A user id is written as an unsigned number of 64 bits: each bigint has one spelling, and each
# spelling is a bigint.
_OWNERS = 2**64
_SIGN = 2**63
_OWNER_PLACE = slice(-_OWNER - _CHECKSUM, -_CHECKSUM)
_OWNED_LENGTH = len("_") + _BODY + _OWNER + _CHECKSUM


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What the database stores of a token."""

    digest: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form of one kind of token, which begins with its prefix, and its digests.

    ``pattern`` matches tokens, for scanners that search for leaked secrets.
    """

    prefix: str
    pattern: re.Pattern[str] = field(init=False, repr=False)
    _label: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the parts that all tokens of the kind share."""
        object.__setattr__(self, "pattern", re.compile(self._form()))
        object.__setattr__(self, "_label", f"digest/{self.prefix}")

    def is_wellformed(self, token: Secret) -> bool:
        """Say whether *token* has a valid form; a checksum finds typing errors."""
        text = token.reveal()
        return bool(self.pattern.fullmatch(text)) and text.endswith(_checksum(text[:-_CHECKSUM]))

    def digests(self, ring: KeyRing, hashed: bytes) -> list[bytes]:
        """Return the digests under which a token of this SHA-256 may be stored.

        There is one for each usable key, usually one; that of the primary key is first.
        """
        return ring.digests(self._label, hashed)

    def _form(self) -> str:
        return rf"{self.prefix}_[0-9A-Za-z]{{{_BODY + _CHECKSUM}}}"

    def _new(self, owner: str) -> Secret:
        number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES))
        body = f"{self.prefix}_{_base62(number, _BODY)}{owner}"
        return Secret(body + _checksum(body))


@dataclass(frozen=True, slots=True)
class UnownedForm(TokenForm):
    """The form of tokens that name no user: they are looked up among the rows of one."""

    def new(self) -> Secret:
        """Return a new token."""
        return self._new("")


@dataclass(frozen=True, slots=True)
class OwnedForm(TokenForm):
    """The form of tokens that name their user; those of the old form, which do not, fit as well."""

    def new(self, user_id: int) -> Secret:
        """Return a new token of a user."""
        return self._new(f"{user_id % _OWNERS:0{_OWNER}x}")

    def owner_of(self, token: Secret) -> int | None:
        """Return the user id in a well-formed token; None if it names no user."""
        text = token.reveal()
        if len(text) != len(self.prefix) + _OWNED_LENGTH:
            return None
        return (int(text[_OWNER_PLACE], 16) ^ _SIGN) - _SIGN

    def _form(self) -> str:
        body, checksum = (f"[0-9A-Za-z]{{{length}}}" for length in (_BODY, _CHECKSUM))
        return rf"{self.prefix}_{body}(?:[0-9a-f]{{{_OWNER}}})?{checksum}"


@dataclass(frozen=True, slots=True)
class TokenKind(OwnedForm):
    """A kind of token that is found by its digest: the column holds its sealed SHA-256.

    ``adopted`` matches tokens that were taken over from another system: equally random, but without
    a checksum or a user, and shorter than tokens with a user.
    """

    column: SealedColumn
    adopted: re.Pattern[str] | None = None

    def is_wellformed(self, token: Secret) -> bool:
        """Say whether *token* has a valid form; a checksum finds typing errors."""
        return TokenForm.is_wellformed(self, token) or self.is_adoptable(token)

    def is_adoptable(self, token: Secret) -> bool:
        """Say whether *token* has the form of tokens that are taken over."""
        return self.adopted is not None and self.adopted.fullmatch(token.reveal()) is not None

    def belongs(self, ring: KeyRing, row: Row, hashed: bytes, fingerprint: bytes) -> bool:
        """Say whether the token of this SHA-256 was stored in *row*.

        The digest does not prove it, as it can be copied to another row.
        """
        try:
            return compare_digest(self.column.open(ring, row, fingerprint), hashed)
        except SealError:  # already logged
            return False

    def store(self, ring: KeyRing, row: Row, token: Secret) -> StoredToken:
        """Return what to store of *token* in *row*."""
        return self._stored(ring, row, sha256_of(token))

    def store_again(self, ring: KeyRing, row: Row, fingerprint: bytes) -> StoredToken:
        """Return what to store under the current primary key.

        Raises:
            SealError: see ``SealedColumn.open``.
        """
        return self._stored(ring, row, self.column.open(ring, row, fingerprint))

    def _stored(self, ring: KeyRing, row: Row, hashed: bytes) -> StoredToken:
        digest = self.digests(ring, hashed)[0]
        return StoredToken(digest, self.column.seal(ring, row, hashed))


def hint_of(token: Secret) -> str:
    """Return the first and last characters, by which a person can distinguish tokens."""
    return f"{token.reveal()[:8]}...{token.reveal()[-4:]}"


def sha256_of(token: Secret) -> bytes:
    """Return the SHA-256 of a token, from which its digests are computed."""
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
