"""Reads a key ring from a file that only its user can read, or from the environment."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oadb.errors import ConfigError, KeyRingError
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret

FILE, TEXT = "OADB_KEYRING_FILE", "OADB_KEYRING"

# Bytes. A ring of a thousand keys takes about 120 KiB.
_LARGEST = 1024 * 1024


def from_env(environ: Mapping[str, str]) -> KeyRing | None:
    """Read the ring that the environment names; None if it names none.

    Prefer OADB_KEYRING_FILE: other processes of the user can read the environment of a process, and
    programs that it starts inherit it.

    Raises:
        ConfigError: both variables are set.
        KeyRingError: see ``read`` and ``KeyRing.parse``.
    """
    path, text = environ.get(FILE, "").strip(), Secret(environ.get(TEXT, "").strip())
    del environ  # keeps its secrets out of tracebacks that show variables
    given = bool(text.reveal())
    if path and given:
        raise ConfigError(f"{FILE} and {TEXT} are both set; unset one of them")
    if path:
        return read(Path(path))
    return _named(TEXT, text) if given else None


def read(path: Path) -> KeyRing:
    """Read a ring from a file.

    Raises:
        KeyRingError: the file cannot be read, others could read or change it, or its ring is
            invalid.
    """
    try:
        _require_safe_folders(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRingError(
            f"{path}: {error.strerror}; give the key ring of this database. Only for a new "
            "database, make one with oadb keys new"
        ) from None
    try:
        _require_fit(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # Invalid UTF-8 becomes lone surrogates, which no ring has, so that parsing refuses it.
            text = Secret(file.read(_LARGEST).decode("utf-8-sig", "surrogateescape"))
    finally:
        os.close(descriptor)
    return _named(str(path), text)


@contextmanager
def changing(path: Path) -> Generator[KeyRing]:
    """Yield the ring of a file to be changed; other changes wait until the block ends.

    Raises:
        KeyRingError: see ``read``.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise KeyRingError(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield read(path)
    finally:
        os.close(folder)


def write(path: Path, ring: KeyRing, *, new: bool = False) -> None:
    """Write a ring completely or not at all, readable by its owner only.

    Args:
        new: whether the file must not exist yet.

    Raises:
        KeyRingError: the file exists already, or cannot be written, or others could replace it.
    """
    try:
        _require_safe_folders(path)
        _write(path, ring, new=new)
    except FileExistsError:
        raise KeyRingError(f"{path} exists already; a key ring is never overwritten") from None
    except OSError as error:
        raise KeyRingError(f"{path}: {error.strerror}") from None


def _write(path: Path, ring: KeyRing, *, new: bool) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:  # made by mkstemp with mode 0600
            file.write(ring.to_json())
            file.flush()
            os.fsync(file.fileno())
        _place(Path(draft), path, new=new)
    finally:
        Path(draft).unlink(missing_ok=True)


def _place(draft: Path, path: Path, *, new: bool) -> None:
    if new:
        os.link(draft, path)
    else:
        draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # so that the name survives a power failure, too
    finally:
        os.close(folder)


def _require_safe_folders(path: Path) -> None:
    """Refuse a path on which another user can put another file in place of the ring.

    Where the sticky bit keeps others from replacing what is not theirs, they may write.
    """
    followed = Path(os.path.realpath(path))
    for folder in {*path.absolute().parents, *followed.parents}:
        mode = folder.stat().st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            raise KeyRingError(
                f"{folder}, on the way to {path}, lets other users replace it; run chmod go-w"
            )
    for folder in {path.absolute().parent, followed.parent}:
        owner = folder.stat().st_uid
        if owner not in {0, os.geteuid()}:
            raise KeyRingError(
                f"{folder} belongs to user {owner}, who could replace {path}; only this user or "
                "root may own it"
            )


def _require_fit(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyRingError(f"{path} is not a regular file")
    if status.st_size > _LARGEST:
        raise KeyRingError(f"{path} is larger than {_LARGEST} bytes, too large for a key ring")
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and not _is_credential(path, status):
        raise KeyRingError(f"{path} has mode {mode:04o}, which lets other users in; run chmod 600")
    if status.st_uid not in {0, os.geteuid()}:
        raise KeyRingError(
            f"{path} belongs to user {status.st_uid}; only this user or root may own it"
        )


def _is_credential(path: Path, status: os.stat_result) -> bool:
    """Say whether systemd passed the file to this service, as LoadCredential= does.

    It then belongs to root and has mode 0440, whose group stands for an access control list with
    the user of the service.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    passed = folder is not None and path.parent == Path(folder)
    return passed and status.st_uid == 0 and stat.S_IMODE(status.st_mode) == 0o440


def _named(origin: str, text: Secret) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except KeyRingError as error:
        problem = str(error)
    raise KeyRingError(f"{origin}: {problem}")
