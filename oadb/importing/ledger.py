"""The ledger of imported rows: what each was like, there and here, when it was compared last.

Values are stored as keyed digests, so that nobody can guess a password or a token from them
without the key ring. After the retirement of a root key its digests say nothing any longer, and a
difference cannot be said to come from one of the systems.
"""

import json
from dataclasses import dataclass
from hashlib import sha256

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.security.keyring import KeyRing

query = queries(__name__)

_LABEL = "digest/imported_rows"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The digests of the fields of a row; ``target`` is what it became in oadb."""

    row_id: int
    target: str
    there: dict[str, object]
    here: dict[str, object]


@query
def list_entries(installation: str, table_name: str) -> list[Recorded]: ...


@query
def put(
    installation: str,
    table_name: str,
    row_id: int,
    target: str,
    there: dict[str, object],
    here: dict[str, object],
) -> Affected: ...


query.complete()


@operation
async def ring_of(db: AsyncExecutor) -> KeyRing:
    """Return the key ring under which digests are made, which need not be proven for it.

    Raises:
        ConfigError: no key ring is configured.
    """
    return db.vault.ring


@dataclass(frozen=True, slots=True)
class Digests:
    """Makes the digests of the fields of one row, which no other row shares.

    Without a ring they are not keyed: only for tables without a secret.
    """

    ring: KeyRing | None
    place: tuple[str, str, int]
    """The installation, the table and the id of the row there."""
    identity: str
    """The field that says whose row it is: no secret, and not digested."""

    def all_of(self, name: str, value: str) -> list[str]:
        """Return the digests of a value under each usable key, that of the primary key first."""
        if name == self.identity:
            return [value]
        text = json.dumps([*self.place, name, value]).encode()
        made = [sha256(text).digest()] if self.ring is None else self.ring.digests(_LABEL, text)
        return [each.hex() for each in made]
