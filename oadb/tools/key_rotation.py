"""Rotation of root keys by an operator: new, add, promote, rewrap, status, verify, retire.

    oadb keys new FILE       create a key ring with one key, for a new installation
    oadb keys add            add a key for decryption only; copy the file to every process and
                             restart it: after the promotion, a process without the key fails with
                             KeyRingError
    oadb keys promote 2      seal new secrets under the key; copy the file and restart again
    oadb keys rewrap         seal existing rows under it too, while services run
    oadb keys status         the keys, the rows that need each, and the next step
    oadb keys verify         check the ring, and count the rows that need each key
    oadb keys retire 1       refused while a row needs the key

Each step may be repeated after it was interrupted.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from oadb.accounts import api_keys, broker_tokens, second_factors, sessions, users
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import ConfigError, KeyRingError
from oadb.keys import proof, root_key_uses, rotation
from oadb.keys.rotation import RewrapBatch, SealedTable
from oadb.security import keyring_file
from oadb.security.keyring import ROOT_BYTES, Key, KeyRing, State
from oadb.security.sealing import Row
from oadb.settings import smtp_settings
from oadb.tools.rehearsal import rehearsed
from oadb.trading import webhooks

BATCH = 1000
"""Rows that are rewrapped at a time."""

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
        """Return the report as one line; the fingerprint only distinguishes keys."""
        used = ", ".join(f"{table} {uses:,}" for table, uses in self.uses.items()) or "no rows"
        key = self.key
        return (
            f"key {key.key_id} {key.state}, made {key.created:%Y-%m-%d}, {key.fingerprint}: {used}"
        )


@dataclass(frozen=True, slots=True)
class RewrapReport:
    """The number of rows of a table that were sealed again, and the ids of damaged rows."""

    table: str
    rows: int
    damaged: list[Row]

    def __str__(self) -> str:
        """Return the report as one line."""
        return f"{self.table:<15} {self.rows:>9,} rows"

    @property
    def damaged_rows(self) -> list[str]:
        """Table and primary key of each row that cannot be opened."""
        return [f"{self.table} {', '.join(map(str, row))}" for row in self.damaged]


def ring_path(environ: Mapping[str, str]) -> Path:
    """Return the path of the key ring's file.

    Raises:
        ConfigError: OADB_KEYRING_FILE is not set; a ring in OADB_KEYRING cannot be changed.
    """
    path = environ.get(keyring_file.FILE, "").strip()
    if not path:
        raise ConfigError(f"{keyring_file.FILE} is not set; set it to the path of the key ring")
    return Path(path)


def new(path: Path) -> Key:
    """Create a key ring with one key, which is returned.

    Raises:
        KeyRingError: the file exists, or cannot be written.
    """
    key = _key(1, "primary")
    keyring_file.write(path, KeyRing([key]), new=True)
    return key


def add(path: Path, *, dry_run: bool = False) -> Key:
    """Add a key for decryption only, which is returned; a dry run writes nothing.

    Raises:
        KeyRingError: the file cannot be read or written.
    """
    with keyring_file.changing(path) as ring:
        key = _key(max(ring.keys) + 1, "decrypt-only")
        if not dry_run:
            keyring_file.write(path, KeyRing([*ring.keys.values(), key]))
    return key


def promote(db: Database, path: Path, key_id: int, *, dry_run: bool = False) -> None:
    """Make a key primary: enroll it in the database first, then write the file.

    A dry run writes neither.

    Raises:
        KeyRingError: the key is not in the ring or is retired, or the ring does not fit the
            database.
    """
    with keyring_file.changing(path) as ring:
        promoted = ring.with_primary(key_id)
        with rehearsed(db, dry_run) as executor:
            proof.admit(executor, key_id)
            proof.note_promotion(executor, key_id)
        if not dry_run:
            keyring_file.write(path, promoted)


def rewrap(db: Database, ring: KeyRing, watch: Callable[[int], None]) -> Iterator[RewrapReport]:
    """Seal every row under the primary key, table by table.

    No lock is held between batches. A row that is changed meanwhile is left out: a process with
    this ring seals it under the primary key. A row that is written with an older ring needs another
    call after that process is restarted; until then ``retire`` is refused.

    Args:
        watch: called with the number of rows of each batch.

    Yields:
        A report for each table.

    Raises:
        KeyRingError: the ring does not fit the database.
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


def verify(db: Executor, ring: KeyRing) -> list[KeyReport]:
    """Check that the ring fits the database, and count the rows that need each key.

    Raises:
        KeyRingError: the ring does not fit the database.
    """
    proof.prove(db)
    return list_keys(db, ring)


def list_keys(db: Executor, ring: KeyRing) -> list[KeyReport]:
    """Count the rows that need each key of the ring, which may be that of another database."""
    uses = root_key_uses.list_uses(db)
    return [
        KeyReport(key, {use.table_name: use.uses for use in uses if use.key_id == key.key_id})
        for key in ring.keys.values()
    ]


def next_step(ring: KeyRing, reports: list[KeyReport]) -> str | None:
    """Return the command that continues a rotation; None if there is nothing to do."""
    primary = ring.primary.key_id
    others = [report for report in reports if report.key.state == "decrypt-only"]
    added = [report.key.key_id for report in others if report.key.key_id > primary]
    if added:
        return f"oadb keys promote {max(added)}"
    if any(report.uses for report in others):
        return "oadb keys rewrap"
    return f"oadb keys retire {others[0].key.key_id}" if others else None


def retire(db: Database, path: Path, key_id: int, *, dry_run: bool = False) -> None:
    """Retire a key: withdraw it from the database first, then mark it in the file.

    The file keeps the key, because old backups may need it. A dry run writes neither.

    Raises:
        KeyRingError: a row needs the key, it is primary or not in the ring, or the ring does not
            fit the database.
    """
    with keyring_file.changing(path) as ring:
        if key_id not in ring.keys or key_id == ring.primary.key_id:
            known = key_id in ring.keys
            state = "primary; promote another one first" if known else "not in the ring"
            raise KeyRingError(f"key {key_id} is {state}")
        proof.require_fit(ring, proof.list_canaries(db))  # refuses another database
        with rehearsed(db, dry_run) as executor:
            proof.withdraw(executor, key_id)
        if not dry_run:
            retired = {**ring.keys, key_id: replace(ring.keys[key_id], state="retired")}
            keyring_file.write(path, KeyRing(retired.values()))


def _key(key_id: int, state: State) -> Key:
    return Key(key_id, state, datetime.now(UTC), secrets.token_bytes(ROOT_BYTES))
