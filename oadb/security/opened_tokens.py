"""Tokens that were found to belong to a row: where it is, and the sealed value that proved it.

A row that still has this sealed value, at this primary key, is that of the token, so that it need
not be opened again. Whether it may still be used only the row says, which is read each time: what
is remembered here accepts nothing by itself, and cannot be stale.

Of a token a keyed digest is held, whose key is random and known to this process alone.
"""

import secrets
import threading
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from oadb.security.secret import Secret

# About 5 MB.
_MOST = 10_000

# Characters; no token is longer, or has others than ASCII, and nothing else is worth a digest.
_LONGEST = 100


class Opened(NamedTuple):
    """The row of a token, as the arguments of the statement that reads it."""

    user_id: int
    row_id: UUID
    fingerprint: bytes


class OpenedTokens:
    """Remembers the last 10,000 tokens that were accepted, for all threads and tasks."""

    __slots__ = ("_lock", "_most", "_opened", "_salt")

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._salt = secrets.token_bytes(32)
        self._opened: dict[bytes, Opened] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._opened)

    def find(self, token: Secret) -> Opened | None:
        """Return the row that a token belonged to; None if that is not known."""
        name = self._name(token)
        return None if name is None else self._opened.get(name)

    def remember(self, token: Secret, opened: Opened) -> None:
        """Note that the sealed value of a row was opened, and is that of the token."""
        name = self._name(token)
        if name is None:
            return
        with self._lock:
            self._opened.pop(name, None)
            self._opened[name] = opened
            if len(self._opened) > self._most:
                del self._opened[next(iter(self._opened))]

    def forget(self, token: Secret) -> None:
        """Forget a token; one that is not known changes nothing."""
        name = self._name(token)
        if name is not None:
            with self._lock:
                self._opened.pop(name, None)

    def _name(self, token: Secret) -> bytes | None:
        text = token.reveal()
        if len(text) > _LONGEST or not text.isascii():
            return None
        # A prefix keys BLAKE2 as its parameter does, in half the time.
        return blake2b(self._salt + text.encode()).digest()
