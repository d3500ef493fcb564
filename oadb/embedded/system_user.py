"""The system user that a server of ours runs as: PostgreSQL refuses root."""

import logging
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from oadb.errors import ConfigError

_logger = logging.getLogger("oadb.cluster")

# Whom root runs a server as: the first that the system has.
_ACCOUNTS = ("oadb", "nobody")


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A system user, by number."""

    uid: int
    gid: int


def require_private(folder: Path) -> None:
    """Refuse a folder that belongs to another user, or that others can enter.

    Ours is a folder of the present user; for root, also one of those that root runs servers as.

    Raises:
        ConfigError: It is not ours, or its mode is not 0700.
        OSError: It cannot be looked at.
    """
    status = folder.lstat()
    ours = {os.geteuid(), *(account.uid for account in _accounts() if os.geteuid() == 0)}
    if status.st_uid not in ours:
        raise ConfigError(
            f"{folder} belongs to user {status.st_uid}, not to you: name a folder of your own in "
            "DATABASE_URL=embedded:FOLDER, or run as that user"
        )
    if stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        raise ConfigError(f"{folder} is not closed to others: chmod 700 {folder}")


def account_for(folder: Path, *needed: Path) -> SystemUser | None:
    """Return the user for a server in *folder*: the present one, but never root.

    For root it is the owner of *folder*; a folder of root is given to the user oadb or, if the
    system has none, to nobody. The folders above it and above *needed* must let that user pass: one
    that does not gets ``chmod o+x``, logged.

    Raises:
        OSError: A folder cannot be changed so.
    """
    if os.geteuid() != 0:
        return None
    account = _given(folder)
    for path in (folder, *needed):
        _let_pass(account, path)
    return account


def _given(folder: Path) -> SystemUser:
    # By descriptor: the folder that was looked at is the one that is given away.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != 0:
            return SystemUser(status.st_uid, status.st_gid)
        account = next(_accounts())
        os.fchown(descriptor, account.uid, account.gid)
    finally:
        os.close(descriptor)
    return account


def _accounts() -> Iterator[SystemUser]:
    for name in _ACCOUNTS:
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            yield SystemUser(found.pw_uid, found.pw_gid)


def _let_pass(account: SystemUser, path: Path) -> None:
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid != account.uid and not status.st_mode & stat.S_IXOTH:
            _logger.warning("chmod o+x %s: the server's user has to pass through it", folder)
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
