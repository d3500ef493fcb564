"""Where a key ring is kept: a file that nobody else can read, or the environment."""

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

# Bytes; a ring of a thousand keys has about 120 KiB.
_LARGEST = 1024 * 1024


def from_env(environ: Mapping[str, str]) -> KeyRing | None:
    """Read the ring that the environment names, or None. Raises ConfigError, KeyRingError.

    OADB_KEYRING_FILE is the better one: the environment of a process can be read by others of the
    same user, and is inherited by everything it starts.
    """
    path, text = environ.get(FILE, "").strip(), Secret(environ.get(TEXT, "").strip())
    del environ  # not to be among the variables of a traceback
    given = bool(text.reveal())
    if path and given:
        raise ConfigError(f"{FILE} and {TEXT} are both set; one key ring is enough")
    if path:
        return read(Path(path))
    return _named(TEXT, text) if given else None


def read(path: Path) -> KeyRing:
    """Read a ring from a file. Raises KeyRingError if others could read or change it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRingError(f"{path}: {error.strerror}; oadb keys new makes a key ring") from None
    try:
        _require_fit(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # What is no UTF-8 becomes what no ring has, and is refused as such.
            text = Secret(file.read(_LARGEST).decode("utf-8-sig", "surrogateescape"))
    finally:
        os.close(descriptor)
    return _named(str(path), text)


@contextmanager
def changing(path: Path) -> Generator[KeyRing]:
    """Give the ring of a file that is to be written; who else wants to, waits for the end.

    Raises KeyRingError.
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
    """Write a ring, whole or not at all, readable by its owner alone. Raises KeyRingError.

    A *new* one replaces nothing.
    """
    try:
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
        os.fsync(folder)  # the name must survive a power failure too
    finally:
        os.close(folder)


def _require_fit(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyRingError(f"{path} is no ordinary file")
    if status.st_size > _LARGEST:
        raise KeyRingError(f"{path}: larger than {_LARGEST} bytes; that is no key ring")
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and not _is_credential(path, status):
        raise KeyRingError(f"{path} has mode {mode:04o}, so that others can use it; chmod 600 it")
    if status.st_uid not in {0, os.geteuid()}:
        raise KeyRingError(f"{path} belongs to user {status.st_uid}, neither to us nor to root")


def _is_credential(path: Path, status: os.stat_result) -> bool:
    """Say whether systemd gave the file to this service alone, as LoadCredential= does.

    It is root's then and of mode 0440, where the group stands for an access control list that has
    our user in it.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    ours = folder is not None and path.parent == Path(folder)
    return ours and status.st_uid == 0 and stat.S_IMODE(status.st_mode) == 0o440


def _named(origin: str, text: Secret) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except KeyRingError as error:
        problem = str(error)
    raise KeyRingError(f"{origin}: {problem}")
