"""The key ring of one Database, and whether the database has been found to fit it."""

from oadb.errors import ConfigError
from oadb.security.keyring import KeyRing


class Vault:
    """Holds the ring; ``keys.prove`` marks it as proven. Shared by all executors of a Database."""

    __slots__ = ("_ring", "proven")

    def __init__(self, ring: KeyRing | None) -> None:
        self._ring = ring
        self.proven = False

    @property
    def ring(self) -> KeyRing:
        """The key ring. Raises ConfigError where none is configured."""
        if self._ring is None:
            raise ConfigError(
                "OADB_KEYRING_FILE is not set, and this needs a key ring: make one with "
                "oadb keys new FILE"
            )
        return self._ring
