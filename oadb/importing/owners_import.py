"""Whose rows of OpenAlgo are whose in oadb, and their secrets, decrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from oadb.errors import ConfigError, RowError
from oadb.importing.ciphers import VARIABLES, Ciphers, Use, is_cipher
from oadb.importing.columns import text, whole
from oadb.importing.openalgo_tables import Row
from oadb.importing.sources import Sources
from oadb.security.secret import Secret

# Namespace of the UUIDs that are derived from ids of OpenAlgo.
_NAMESPACE = UUID("6f5b6c5e-9d0c-4f43-9a5e-5d1f1a1f0a2e")

LONGEST = 100_000
"""Most characters of an encrypted value; tokens of brokers have a few thousand."""

_CIPHERS: dict[str, tuple[Use, tuple[str, ...]]] = {
    "users": ("auth", ("totp_secret",)),
    "api_keys": ("auth", ("api_key_encrypted",)),
    "auth": ("auth", ("auth", "feed_token", "secret_api_key")),
    "settings": ("smtp", ("smtp_password_encrypted",)),
}


def prove_pepper(sources: Sources, ciphers: Ciphers) -> bool:
    """Check the pepper by decrypting every secret.

    Returns:
        Whether a secret could be decrypted; without any secret, nothing proves the pepper.

    Raises:
        ConfigError: most secrets cannot be decrypted; the text names the variables.
    """
    opened = dict[bool, int].fromkeys((True, False), 0)
    uses = set[Use]()
    for table, (use, columns) in _CIPHERS.items():
        for row in sources.rows(table):
            for value in map(row.get, columns):
                if isinstance(value, str) and is_cipher(value):
                    opened[ciphers.open(use, value) is not None] += 1
                    uses.add(use)
    if opened[False] > opened[True]:
        names = " or ".join(sorted({name for use in uses for name in VARIABLES[use]}))
        raise ConfigError(
            f"{opened[False]:,} of {sum(opened.values()):,} secrets cannot be decrypted: "
            f"{names} is not the one they were encrypted with. Nothing was written"
        )
    return opened[True] > 0


@dataclass(slots=True)
class Owners:
    """The users of an installation, as far as they were imported; filled user by user."""

    installation: str
    ciphers: Ciphers
    is_pepper_proven: bool
    renames: Mapping[str, str]
    """The names in oadb of users whose names in OpenAlgo do not fit."""
    ids: dict[object, int | None] = field(default_factory=dict[object, int | None])
    """The user ids in oadb by the exact name in OpenAlgo; None: the user was left out."""

    @property
    def only_user(self) -> int | None:
        """The user id in oadb if the installation has exactly one user, who was imported."""
        ids = [*self.ids.values()]
        return ids[0] if len(ids) == 1 else None

    def find(self, name: object) -> int | None:
        """Return the user id in oadb for a name in OpenAlgo; None if unknown or left out.

        Names in OpenAlgo may differ only in case. Without an exact match, the name is that of the
        only user whose name differs only in case.
        """
        if name in self.ids:
            return self.ids[name]
        key = str(name).lower()
        alike = [user_id for each, user_id in self.ids.items() if str(each).lower() == key]
        return alike[0] if len(alike) == 1 else None

    def decrypted(self, row: Row, column: str) -> Secret:
        """Decrypt a column, which must be encrypted.

        Raises:
            RowError: it is missing, or cannot be decrypted.
        """
        found = self.ciphers.open("auth", text(row, column, LONGEST))
        if found is None:
            raise RowError(f"{column} cannot be decrypted")
        if is_cipher(found.reveal()):
            raise RowError(f"{column} was encrypted twice, as by a failed rotation")
        return found

    def owner(self, row: Row, column: str) -> int:
        """Return the user id in oadb of the user whose name is in a column.

        Raises:
            RowError: the name is missing, or its user was not imported.
        """
        text(row, column)
        user_id = self.find(row.get(column))
        if user_id is None:
            raise RowError("its user was not imported")
        return user_id

    def id(self, table: str, row: Row) -> UUID:
        """Return the id in oadb for a row of a table; it is the same in every run."""
        return uuid5(_NAMESPACE, f"{self.installation}/{table}/{whole(row, 'id')}")
