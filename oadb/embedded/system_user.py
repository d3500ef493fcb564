"""The system user that a server of ours runs as: PostgreSQL refuses root."""

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

_logger = logging.getLogger("oadb.cluster")


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A system user, by number."""

    uid: int
    gid: int


def account_for(folder: Path, *needed: Path) -> SystemUser | None:
    """Return the user for a server in *folder*: the present one, but never root.

    For root it is the owner of *folder*, or nobody, who is given the folder. The folders above it
    and above *needed* must let that user pass: one that does not gets ``chmod o+x``, logged.

    Raises:
        OSError: A folder cannot be changed so.
    """
    if os.geteuid() != 0:
        return None
    status = folder.stat()
    nobody = pwd.getpwnam("nobody")
    owned = status.st_uid != 0
    account = SystemUser(status.st_uid, status.st_gid) if owned else SystemUser(*nobody[2:4])
    if not owned:
        os.chown(folder, account.uid, account.gid)
    for path in (folder, *needed):
        _let_pass(account, path)
    return account


def _let_pass(account: SystemUser, path: Path) -> None:
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid != account.uid and not status.st_mode & stat.S_IXOTH:
            _logger.warning("chmod o+x %s: the server's user has to pass through it", folder)
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
