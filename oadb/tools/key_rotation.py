"""What an operator does with keys: make, add, promote, rewrap, verify, retire.

    oadb keys new FILE       a key ring with one key, for a new installation
    oadb keys add            one more key, which opens but does not seal; give the file to all,
                             restart them: from the next step on, who lacks it raises KeyRingError
    oadb keys promote 2      everything new is sealed under it; give the file to all, restart them
    oadb keys rewrap         everything old is sealed under it as well, while services run
    oadb keys verify         the ring fits the database; which key is needed by how many rows
    oadb keys retire 1       refused while one row needs it

Each step can be done again after it was interrupted.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from oadb.accounts import api_keys, broker_tokens, second_factors, sessions, users
from oadb.engine.database import Database
from oadb.errors import ConfigError, KeyRingError
from oadb.keys import proof, rotation
from oadb.keys.rotation import RewrapBatch, SealedTable
from oadb.security import keyring_file
from oadb.security.keyring import ROOT_BYTES, Key, KeyRing, State
from oadb.security.sealing import Row
from oadb.settings import smtp_settings
from oadb.trading import webhooks

BATCH = 1000
"""Rows that are read, sealed again and written at a time."""

TABLES = (
    users.SEALED,
    sessions.SEALED,
    api_keys.SEALED,
    broker_tokens.SEALED,
    second_factors.SEALED,
    smtp_settings.SEALED,
    webhooks.SEALED,
)
"""All tables with sealed columns, in the order in which they are rewrapped."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A key of the ring and how many rows of each table need it."""

    key: Key
    uses: Mapping[str, int]

    def __str__(self) -> str:
        """Return it as one line; the fingerprint tells two keys apart and nothing else."""
        used = ", ".join(f"{table} {uses:,}" for table, uses in self.uses.items()) or "no rows"
        key = self.key
        return (
            f"key {key.key_id} {key.state}, made {key.created:%Y-%m-%d}, {key.fingerprint}: {used}"
        )


@dataclass(frozen=True, slots=True)
class RewrapReport:
    """How many rows of a table were sealed again, and the primary keys of those that cannot be."""

    table: str
    rows: int
    damaged: list[Row]

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.table:<15} {self.rows:>9,} rows"

    @property
    def damaged_rows(self) -> list[str]:
        """Table and primary key of each row that cannot be opened."""
        return [f"{self.table} {', '.join(map(str, row))}" for row in self.damaged]


def ring_path(environ: Mapping[str, str]) -> Path:
    """Return the file that holds the ring. Raises ConfigError where it is not in a file."""
    path = environ.get(keyring_file.FILE, "").strip()
    if not path:
        raise ConfigError(f"{keyring_file.FILE} is not set; it must name the key ring's file")
    return Path(path)


def new(path: Path) -> Key:
    """Make a key ring with one key. Raises KeyRingError if the file exists."""
    key = _key(1, "primary")
    keyring_file.write(path, KeyRing([key]), new=True)
    return key


def add(path: Path) -> Key:
    """Add a key that opens but does not seal yet."""
    with keyring_file.changing(path) as ring:
        key = _key(max(ring.keys) + 1, "decrypt-only")
        keyring_file.write(path, KeyRing([*ring.keys.values(), key]))
    return key


def promote(db: Database, path: Path, key_id: int) -> None:
    """Make a key the one that seals: the database learns of it first, then the file."""
    with keyring_file.changing(path) as ring:
        promoted = ring.with_primary(key_id)
        proof.admit(db, key_id)
        keyring_file.write(path, promoted)


def rewrap(db: Database, ring: KeyRing, watch: Callable[[int], None]) -> Iterator[RewrapReport]:
    """Seal again what is sealed under other keys than the primary one, table by table.

    *watch* hears of each batch. Nothing is locked in between, and a row that was changed meanwhile
    is left alone: a process with this ring sealed it under the primary key; what one with an older
    ring wrote is for the next call, after its restart. ``retire`` is refused until then.
    """
    proof.prove(db)
    for table in TABLES:
        found, damaged = 0, list[Row]()
        for key in ring.usable[1:]:
            for batch in _batches(db, table, key.key_id):
                found += batch.rows
                damaged += batch.damaged
                watch(batch.rows)
        yield RewrapReport(table.name, found - len(damaged), damaged)


def _batches(db: Database, table: SealedTable, key_id: int) -> Iterator[RewrapBatch]:
    after = 0
    while (batch := rotation.rewrap(db, table, key_id, BATCH, after)).rows:
        yield batch
        after = batch.last


def verify(db: Database, ring: KeyRing) -> list[KeyReport]:
    """See that the ring fits the database, and count what needs each key. Raises KeyRingError."""
    proof.prove(db)
    uses = proof.list_uses(db)
    return [
        KeyReport(key, {use.table_name: use.uses for use in uses if use.key_id == key.key_id})
        for key in ring.keys.values()
    ]


def retire(db: Database, path: Path, key_id: int) -> None:
    """End a key: the database forgets it, unless a row needs it, then the file says so.

    The file keeps the root: an old backup may need it. Raises KeyRingError.
    """
    with keyring_file.changing(path) as ring:
        if key_id not in ring.keys or key_id == ring.primary.key_id:
            known = key_id in ring.keys
            state = "primary; promote another one first" if known else "not in the ring"
            raise KeyRingError(f"key {key_id} is {state}")
        proof.require_fit(ring, proof.list_canaries(db))  # or it is another database
        proof.withdraw(db, key_id)
        retired = {**ring.keys, key_id: replace(ring.keys[key_id], state="retired")}
        keyring_file.write(path, KeyRing(retired.values()))


def _key(key_id: int, state: State) -> Key:
    return Key(key_id, state, datetime.now(UTC), secrets.token_bytes(ROOT_BYTES))
