"""OpenAlgo's secrets: Fernet (AES-128-CBC with HMAC-SHA256) under keys derived from its pepper.

A key is PBKDF2-HMAC-SHA256 of API_KEY_PEPPER with a salt for each use, 100,000 rounds.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from oadb.errors import ConfigError
from oadb.security.secret import Secret

PEPPER, SALT, SMTP_SALT = "API_KEY_PEPPER", "FERNET_SALT", "SMTP_KEY_SALT"

_ROUNDS, _KEY_BYTES, _SHORTEST = 100_000, 32, 32

# Where the environment names none. Also where it does: what was written before is under these.
_STATIC_SALT = b"openalgo_static_salt"
_SMTP_SALT = "smtp-openalgo-salt"

Use = Literal["auth", "smtp"]

VARIABLES: Mapping[Use, tuple[str, ...]] = {"auth": (PEPPER, SALT), "smtp": (PEPPER, SMTP_SALT)}
"""What the keys of each use are made of."""


@dataclass(frozen=True)
class Ciphers:
    """What opens the secrets of one installation."""

    pepper: Secret
    _salt: bytes = field(repr=False)
    _smtp_salt: bytes = field(repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Ciphers":
        """Take pepper and salts from the environment. Raises ConfigError naming the variable."""
        pepper, salt = environ.get(PEPPER, ""), environ.get(SALT, "")
        if len(pepper) < _SHORTEST:
            state = f"has less than {_SHORTEST} characters" if pepper else "is not set"
            raise ConfigError(f"{PEPPER} {state}; take it from OpenAlgo's .env with --env-file")
        try:
            found = bytes.fromhex(salt) or _STATIC_SALT
        except ValueError:
            found = b""
        if not found:
            raise ConfigError(f"{SALT} is not hexadecimal; take it from OpenAlgo's .env")
        return cls(Secret(pepper), found, (environ.get(SMTP_SALT) or _SMTP_SALT).encode())

    def open(self, use: Use, cipher: str) -> Secret | None:
        """Return what a cipher holds; None if it is none, damaged, or under another key."""
        try:
            return Secret(self._keys[use].decrypt(cipher.encode()).decode())
        except (InvalidToken, UnicodeError):
            return None

    @cached_property
    def _keys(self) -> Mapping[Use, MultiFernet]:
        pepper = self.pepper.reveal().encode()
        legacy = urlsafe_b64encode(pepper.ljust(_KEY_BYTES)[:_KEY_BYTES])
        return {
            "auth": _tried(_derived(pepper, self._salt), _derived(pepper, _STATIC_SALT)),
            "smtp": _tried(_derived(pepper, self._smtp_salt), legacy),
        }


def is_cipher(text: str) -> bool:
    """Say whether a text has the form of a Fernet token (version 0x80 and 4 bytes that are 0)."""
    return text.startswith("gAAAAA")


def _tried(*keys: bytes) -> MultiFernet:
    return MultiFernet(map(Fernet, keys))


def _derived(pepper: bytes, salt: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", pepper, salt, _ROUNDS, _KEY_BYTES))
