"""Temporary folders that are deleted even if the process that made them is killed.

    oadb-NAME          the folder
    .oadb-NAME.lock    locked (flock) while the process that made the folder lives

A watcher, a small process for each folder, waits for that lock. If it gets the lock, the owner was
killed: the watcher stops the PostgreSQL servers in the folder and deletes it. If the watcher was
killed as well, the next process that makes a temporary folder in the same place does so.

A lock of the kernel cannot be stale, unlike a process id. A child that the owner forks closes its
copy of the locked descriptor; a program that the owner starts does not inherit it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from oadb.embedded.cluster import Cluster
from oadb.embedded.system_user import SystemUser
from oadb.errors import Error

_PREFIX, _SUFFIX = ".oadb-", ".lock"
_WATCHER = Path(__file__).with_name("watcher.py")

_held: set[int] = set()


def _forget_locks() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_locks)


@contextmanager
def temporary_folder(parent: Path | None = None, binaries: Path | None = None) -> Generator[Path]:
    """Give a new, empty folder that is deleted at the end, also if this process is killed.

    Temporary folders that killed processes of this user left in *parent* are deleted first.

    Args:
        parent: The folder to make it in; by default the system's for temporary files.
        binaries: The folder of the PostgreSQL programs, to stop servers with after a kill; without
            it a server stops by itself within a minute.
    """
    process = os.getpid()
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
        clear(left)
    lock, name = tempfile.mkstemp(_SUFFIX, _PREFIX, parent)
    with _owned(lock, Path(name), binaries):
        folder = _folder_of(Path(name))
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            # A child forked meanwhile leaves this block too.
            if os.getpid() == process:
                shutil.rmtree(folder)


@contextmanager
def deleted_if_killed(folder: Path, binaries: Path | None = None) -> Generator[None]:
    """Have a folder deleted, with its servers stopped, if this process is killed meanwhile.

    Args:
        folder: The folder; servers may have their data at any depth in it.
        binaries: The folder of the PostgreSQL programs, to stop servers with.
    """
    mark = folder.with_name(f".{folder.name}{_SUFFIX}")
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(mark, flags, 0o600)
    with _owned(lock, mark, binaries):
        yield


def clear(mark: Path) -> None:
    """Stop the servers in the folder of *mark* and delete it if its owner was killed."""
    # Other users can make links and pipes in a folder for temporary files.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        lock = os.open(mark, flags)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(lock)
            if status.st_size and status.st_uid == os.geteuid() and mark.exists():
                binaries = os.fsdecode(os.read(lock, status.st_size).strip())
                _delete(_folder_of(mark), binaries)
                mark.unlink()
        finally:
            os.close(lock)


def _folder_of(mark: Path) -> Path:
    return mark.with_name(mark.name.removeprefix(".").removesuffix(_SUFFIX))


@contextmanager
def _owned(lock: int, mark: Path, binaries: Path | None) -> Generator[None]:
    process = os.getpid()
    _held.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only with the lock held: ``clear`` spares an empty file, which is about to be locked.
        os.write(lock, os.fsencode(binaries or "") + b"\n")
        with _watched(mark):
            yield
    finally:
        if os.getpid() == process:
            mark.unlink(missing_ok=True)
            _held.remove(lock)
            os.close(lock)


@contextmanager
def _watched(mark: Path) -> Generator[None]:
    process = os.getpid()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", _WATCHER, mark],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Neither Ctrl-C in a terminal nor a signal to our process group may reach the watcher.
        start_new_session=True,
    ) as watching:
        try:
            yield
        finally:
            if os.getpid() == process:
                watching.kill()


def _delete(folder: Path, binaries: str) -> None:
    if not folder.exists():
        return
    # A server in the folder itself may be starting and not have written its file yet.
    places = {folder, *(path.parents[1] for path in folder.rglob("data/postmaster.pid"))}
    for place in places if binaries else ():
        # A server that cannot be stopped stops by itself when its data is gone.
        with suppress(Error, OSError):
            Cluster(place, Path(binaries), _user_of(place)).stop("immediate")
    shutil.rmtree(folder)


def _user_of(place: Path) -> SystemUser | None:
    """Return the user that a server runs as; root only acts for the owner of its folder."""
    status = place.lstat()
    return SystemUser(status.st_uid, status.st_gid) if os.geteuid() == 0 else None
