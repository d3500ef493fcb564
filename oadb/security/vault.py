"""The key ring of a Database, and when it was last proven to fit the database."""

from math import inf
from time import monotonic

from oadb.errors import ConfigError
from oadb.security.keyring import KeyRing


class Vault:
    """Holds the ring; ``proof.prove`` marks it as proven. Shared by all executors of a Database."""

    __slots__ = ("_proven_at", "_ring")

    def __init__(self, ring: KeyRing | None) -> None:
        self._ring = ring
        self._proven_at = -inf

    @property
    def ring(self) -> KeyRing:
        """The key ring.

        Raises:
            ConfigError: no key ring is configured.
        """
        if self._ring is None:
            raise ConfigError(
                "OADB_KEYRING_FILE is not set, but this call needs a key ring: make one with "
                "oadb keys new FILE"
            )
        return self._ring

    @property
    def proven(self) -> bool:
        """Whether the ring was ever proven to fit."""
        return self._proven_at > -inf

    def was_proven_within(self, seconds: float) -> bool:
        """Say whether the ring was proven to fit within the last *seconds*."""
        return monotonic() - self._proven_at <= seconds

    def mark_proven(self) -> None:
        """Record that the ring was proven to fit just now."""
        self._proven_at = monotonic()
