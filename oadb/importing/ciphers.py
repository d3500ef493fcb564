"""Decrypts OpenAlgo's secrets: Fernet (AES-128-CBC with HMAC-SHA256), keys from its pepper.

A key is PBKDF2-HMAC-SHA256 of API_KEY_PEPPER with a salt for its use, 100,000 rounds.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from oadb.errors import ConfigError
from oadb.security.secret import Secret

PEPPER, SALT, SMTP_SALT = "API_KEY_PEPPER", "FERNET_SALT", "SMTP_KEY_SALT"

_ROUNDS, _KEY_BYTES, _SHORTEST = 100_000, 32, 32

# Used without salts in the environment. Tried in any case: older values were encrypted with these.
_STATIC_SALT = b"openalgo_static_salt"
_SMTP_SALT = "smtp-openalgo-salt"

Use = Literal["auth", "smtp"]

VARIABLES: Mapping[Use, tuple[str, ...]] = {"auth": (PEPPER, SALT), "smtp": (PEPPER, SMTP_SALT)}
"""The variables from which the key of each use is derived."""


@dataclass(frozen=True)
class Ciphers:
    """The keys of one installation."""

    pepper: Secret
    _salt: bytes = field(repr=False)
    _smtp_salt: bytes = field(repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Ciphers":
        """Take pepper and salts from the environment.

        Raises:
            ConfigError: a variable is missing or invalid; the text names it.
        """
        pepper, salt = environ.get(PEPPER, ""), environ.get(SALT, "")
        if len(pepper) < _SHORTEST:
            state = f"has less than {_SHORTEST} characters" if pepper else "is not set"
            raise ConfigError(f"{PEPPER} {state}; take it from OpenAlgo's .env with --env-file")
        return cls(
            Secret(pepper), _salt(salt.strip()), (environ.get(SMTP_SALT) or _SMTP_SALT).encode()
        )

    def open(self, use: Use, cipher: str) -> Secret | None:
        """Decrypt a text; None if it is not a cipher, damaged, or under another key."""
        try:
            return Secret(self._keys[use].decrypt(cipher.encode()).decode())
        except (InvalidToken, UnicodeError):
            return None

    @cached_property
    def _keys(self) -> Mapping[Use, MultiFernet]:
        pepper = self.pepper.reveal().encode()
        legacy = urlsafe_b64encode(pepper.ljust(_KEY_BYTES)[:_KEY_BYTES])
        return {
            "auth": _multi_fernet(_derive(pepper, self._salt), _derive(pepper, _STATIC_SALT)),
            "smtp": _multi_fernet(_derive(pepper, self._smtp_salt), legacy),
        }


def _salt(text: str) -> bytes:
    """Return the salt that OpenAlgo uses: it ignores one that is short or not hexadecimal."""
    if len(text) >= _SHORTEST:
        with suppress(ValueError):
            return bytes.fromhex(text)
    return _STATIC_SALT


def is_cipher(text: str) -> bool:
    """Say whether a text begins like a Fernet token: version 0x80, then four zero bytes."""
    return text.startswith("gAAAAA")


def _multi_fernet(*keys: bytes) -> MultiFernet:
    return MultiFernet(map(Fernet, keys))


def _derive(pepper: bytes, salt: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", pepper, salt, _ROUNDS, _KEY_BYTES))
