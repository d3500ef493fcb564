"""Rewraps 100,000 rows under concurrent writes, and kills the rotation again and again."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, sessions
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.keys import proof
from oadb.security import keyring_file
from oadb.security.keyring import KeyRing
from oadb.security.refusals import Refusal
from oadb.testing.servers import Server
from tests.support.accounts import account
from tests.trust.ground import Measured, key, require, server

# Two of the writers have the new ring. One has both keys and still seals with the old one, as a
# process that was not restarted after the promotion does.
ROWS, KILLS, WRITERS = 100_000, 20, 3

_USERS = """
insert into oadb.users (username, email)
select 'user' || n, 'user' || n || '@example.in' from generate_series(1, %s) as n
"""
_LEFT = """
select
    (select count(*) from oadb.broker_tokens where key_id <> 2)
    + (select count(*) from oadb.api_keys where key_id <> 2)
    + (select count(*) from oadb.sessions where key_id <> 2)
"""


@dataclass(slots=True)
class _Written:
    """The last writes of the writers, by user; each user has one writer."""

    access: dict[int, str] = field(default_factory=dict[int, str])
    keys: dict[int, Secret] = field(default_factory=dict[int, Secret])
    sessions: dict[int, Secret] = field(default_factory=dict[int, Secret])

    def __len__(self) -> int:
        return len(self.access) + len(self.keys) + len(self.sessions)

    def lost(self, db: Database) -> int:
        """Count the writes that are lost."""
        return (
            sum(_access(db, user_id) != value for user_id, value in self.access.items())
            + sum(api_keys.verify(db, key) is Refusal.UNKNOWN for key in self.keys.values())
            + sum(sessions.verify(db, token) is Refusal.UNKNOWN for token in self.sessions.values())
        )


def rewrap(folder: Path, rows: int = ROWS, kills: int = KILLS) -> list[Measured]:
    """Kill ``oadb keys rewrap`` *kills* times under writes, then let it end; count losses."""
    old = KeyRing([key(1)])
    path = folder / "ring.json"
    with server(old) as (running, config):
        with Database(config) as db:
            _fill(db, config, rows)
        keyring_file.write(
            path, KeyRing([*old.keys.values(), key(2, "decrypt-only")]).with_primary(2)
        )
        ring = keyring_file.read(path)
        with Database(config) as db:
            proof.admit(Database(Config(config.dsn, keyring=ring)), 2)
        url = Server("url", running.keywords).url("postgres")
        fresh = Config(config.dsn, pool_size=WRITERS + 1, keyring=ring)
        before = replace(fresh, keyring=ring.with_primary(1))
        with Database(fresh) as db, Database(before) as late:
            return _rotate([db, db, late], config, url, path, rows, kills)


def _rotate(
    dbs: list[Database], config: Config, url: str, path: Path, rows: int, kills: int
) -> list[Measured]:
    written, db = _Written(), dbs[0]
    with _writing(dbs[:2], 0, rows, written):
        with _writing(dbs[2:], 2, rows, written):
            killed = sum(_kill_one(url, path) for _ in range(kills))
        started, before = time.perf_counter(), _left(config)
        _rewrap(url, path).check_returncode()
        seconds = time.perf_counter() - started
    lost = written.lost(db)
    damaged = sum(_access(db, user_id) is None for user_id in range(1, rows + 1, 97))
    left = _left(config)
    promise = f"rewrap of {rows:,} rows, {len(written):,} written meanwhile, {killed} SIGKILLs"
    require(lost == 0 and damaged == 0 and left == 0 and killed == kills, promise)
    return [
        Measured(f"{promise}: lost writes", str(lost)),
        Measured(f"{promise}: rows left on the old key", str(left)),
        Measured(
            "rewrap of the rows left after the last kill, with the writers running",
            f"{before:,} rows, {before / seconds:,.0f} rows/s",
        ),
    ]


def _fill(db: Database, config: Config, rows: int) -> None:
    proof.prove(db)
    with psycopg.connect(**config.connection_keywords(), autocommit=True) as connection:
        connection.execute(_USERS, (rows,))
    ring = config.keyring
    assert ring is not None
    with psycopg.connect(**config.connection_keywords()) as connection:
        copy = "copy oadb.broker_tokens (user_id, broker, access_token, content_digest) from stdin"
        with connection.cursor().copy(copy) as rows_in:
            for user_id in range(1, rows + 1):
                column = broker_tokens._COLUMNS[0]
                sealed = column.seal(ring, (user_id, "zerodha"), f"first {user_id}".encode())
                rows_in.write_row((user_id, "zerodha", sealed, b"0" * 32))
    with psycopg.connect(**config.connection_keywords(), autocommit=True) as connection:
        connection.execute("vacuum analyze oadb.broker_tokens")


@contextmanager
def _writing(dbs: list[Database], first: int, rows: int, written: _Written) -> Generator[None]:
    """Let a thread write through each of *dbs* during the block."""
    done = threading.Event()
    with ThreadPoolExecutor(len(dbs)) as pool:
        writers = [
            pool.submit(_write, db, number, rows, written, done)
            for number, db in enumerate(dbs, first)
        ]
        try:
            yield
        finally:
            done.set()
    for writer in writers:
        writer.result()


def _write(db: Database, number: int, rows: int, written: _Written, done: threading.Event) -> None:
    """Put tokens and make API keys and sessions for the users of one writer, as sign-ins do."""
    chosen = random.Random(number)
    while not done.is_set():
        user_id = chosen.randrange(number + 1, rows + 1, WRITERS)
        value = f"new {random.random()}"
        broker_tokens.put(db, user_id, "zerodha", Tokens(Secret(value)))
        written.access[user_id] = value
        issued = api_keys.create(db, user_id, "new", order_mode="auto")
        written.keys[user_id] = issued.token
        session = sessions.create(db, account(db, user_id))
        written.sessions[user_id] = session.token
        found = sessions.verify(db, session.token), api_keys.verify(db, issued.token)
        require(all(found), "found while keys rotate")


def _access(db: Database, user_id: int) -> str | None:
    found = broker_tokens.open(db, user_id, "zerodha")
    return found.tokens.access.reveal() if isinstance(found, BrokerToken) else None


def _left(config: Config) -> int:
    with psycopg.connect(**config.connection_keywords()) as connection:
        row = connection.execute(_LEFT).fetchone()
    assert row is not None
    return int(row[0])


def _command(url: str, path: Path) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "DATABASE_URL": url, "OADB_KEYRING_FILE": str(path)}
    return [sys.executable, "-m", "oadb", "keys", "rewrap"], environment


def _rewrap(url: str, path: Path) -> "subprocess.CompletedProcess[bytes]":
    command, environment = _command(url, path)
    return subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)


def _kill_one(url: str, path: Path) -> bool:
    """Start a rotation and kill it at a random moment."""
    command, environment = _command(url, path)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as rotator:
        assert rotator.stdout is not None
        rotator.stdout.readline()  # the first table is done, and the next one has begun
        try:
            rotator.wait(timeout=random.uniform(0, 1))
        except subprocess.TimeoutExpired:
            rotator.send_signal(signal.SIGKILL)
        return rotator.wait() == -signal.SIGKILL
