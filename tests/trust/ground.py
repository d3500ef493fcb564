"""Shared by the measurements of trust: a private server, a key ring, and many threads."""

import os
import secrets
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from oadb import Config, Database
from oadb.embedded import embedded_server
from oadb.embedded.cluster import Cluster
from oadb.engine.dsn import Dsn
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing, State
from oadb.tools.migrations import runner

CPUS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
THREADS = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """A promise and the result of a run. A broken promise raises instead."""

    promise: str
    found: str


def key(key_id: int, state: State = "primary") -> Key:
    return Key(key_id, state, datetime.now(UTC), secrets.token_bytes(32))


@contextmanager
def server(ring: KeyRing, **settings: object) -> Generator[tuple[Cluster, Config]]:
    """Give a private server with every migration, and its configuration."""
    with embedded_server.temporary() as running:
        target = Dsn(running.keywords)
        runner.migrate(target)
        yield running, Config(target, pool_size=THREADS, max_overflow=0, keyring=ring, **settings)  # type: ignore[arg-type]  # fields of Config


@contextmanager
def pinned(cpu: int) -> Generator[None]:
    """Run on one CPU, with processes started meanwhile; do nothing if the system cannot."""
    if not CPUS:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def database() -> Generator[Database]:
    """Give an open database on a private server."""
    ring = KeyRing([key(1)])
    with server(ring) as (_, config), Database(config) as db:
        proof.prove(db)
        yield db


def at_once(work: Callable[[int], object], times: Iterable[int]) -> list[object]:
    """Call *work* with each number in 16 threads, and return the results; errors are raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [*pool.map(work, times)]


def require(condition: object, promise: str) -> None:
    """Raise AssertionError if the promise is broken."""
    if not condition:
        raise AssertionError(f"broken: {promise}")
