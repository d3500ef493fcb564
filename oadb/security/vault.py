"""What a Database holds for signing in: its key ring, and rules for passwords and codes."""

from collections.abc import Callable
from math import inf
from time import monotonic

from oadb.errors import ConfigError
from oadb.security.keyring import KeyRing
from oadb.security.opened_tokens import OpenedTokens
from oadb.security.secret import Secret


class Vault:
    """Holds the ring; ``proof.prove`` marks it as proven. Shared by all executors of a Database.

    ``totp_window`` and ``breached`` are those of the Config; ``opened`` are the tokens that were
    found to belong to rows of its database.
    """

    __slots__ = ("_proven_at", "_ring", "breached", "opened", "totp_window")

    def __init__(
        self,
        ring: KeyRing | None,
        totp_window: int = 1,
        breached: Callable[[Secret], bool] | None = None,
    ) -> None:
        self._ring = ring
        self.totp_window = totp_window
        self.breached = breached
        self.opened = OpenedTokens()
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
