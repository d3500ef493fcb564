"""Who may connect to a server of ours: the users that run it, told by the kernel (peer).

    FOLDER/hba.conf      the rules, written at each start
    FOLDER/ident.conf    the system's users that may take any role
    FOLDER/sockets       a link to the folder of the socket, if the path of FOLDER is too long

Another user of the machine who reaches the socket is refused. No password has to be kept.
"""

import os
import pwd
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from oadb.embedded.system_user import SystemUser
from oadb.errors import ConfigError

# A socket address holds 104 bytes on macOS and 108 on Linux, a closing NUL among them.
_LONGEST_ADDRESS = 103
_SOCKET = ".s.PGSQL.5432"
_PREFIX = "oadb-"

# Before 16 a map cannot name all roles; such programs run servers of tests alone.
_FIRST_WITH_MAPS = 16
_BY_PEER = "local all all peer map=oadb\nlocal replication all peer map=oadb\n"
_BY_FOLDER = "local all all trust\nlocal replication all trust\n"


def write_rules(
    folder: Path, opened: Callable[[str], int], account: SystemUser | None, major: int
) -> dict[str, str]:
    """Write who may connect; return the settings that name the files.

    Args:
        opened: opens a file of *folder*, made for the server's user where missing.
        account: the server's user; None for the present one.
        major: the version of the programs.

    Raises:
        ConfigError: The system has no name for one of the users.
    """
    users = sorted({os.geteuid(), account.uid if account else os.geteuid()})
    names = "".join(f'oadb "{_name(user)}" all\n' for user in users)
    by_peer = major >= _FIRST_WITH_MAPS
    _write(opened("hba.conf"), _BY_PEER if by_peer else _BY_FOLDER)
    _write(opened("ident.conf"), names if by_peer else "")
    return {"hba_file": str(folder / "hba.conf"), "ident_file": str(folder / "ident.conf")}


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ConfigError(
            f"the system has no name for user {uid}, which PostgreSQL needs: add it to /etc/passwd"
        ) from None


def _write(descriptor: int, text: str) -> None:
    with open(descriptor, "w", encoding="utf-8") as file:
        file.truncate(0)
        file.write(text)


def make_socket_folder(folder: Path, account: SystemUser | None) -> Path:
    """Return the folder for the socket: *folder*, or one elsewhere if its path is too long.

    Its name is made by chance, so that nobody can make it first, and stays the same from then on.
    """
    # libpq would read a comma as two hosts.
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST_ADDRESS and "," not in str(folder):
        return folder
    link = folder / "sockets"
    with suppress(OSError):
        return _made_again(link.readlink(), account)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _give(made, account)
    link.unlink(missing_ok=True)
    link.symlink_to(made)
    return made


def _made_again(made: Path, account: SystemUser | None) -> Path:
    if made.parent != Path(tempfile.gettempdir()) or not made.name.startswith(_PREFIX):
        raise PermissionError
    with suppress(FileExistsError):
        made.mkdir(mode=0o700)
        _give(made, account)
    if not _is_private(made, account):
        raise PermissionError
    return made


def _give(folder: Path, account: SystemUser | None) -> None:
    if account is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _is_private(folder: Path, account: SystemUser | None) -> bool:
    status = folder.lstat()
    owner = account.uid if account else os.geteuid()
    return status.st_uid == owner and status.st_mode == stat.S_IFDIR | stat.S_IRWXU


def clear_socket_folder(sockets: Path, account: SystemUser | None) -> None:
    """Delete what is left of a server that was killed, and its folder if it was made for it.

    Nothing is deleted in a folder that is not of the server's user alone.
    """
    with suppress(OSError):
        if _is_private(sockets, account):
            # PostgreSQL would refuse to start if the process id in it were in use again.
            (sockets / f"{_SOCKET}.lock").unlink(missing_ok=True)
            (sockets / _SOCKET).unlink(missing_ok=True)
            if sockets.name.startswith(_PREFIX):
                sockets.rmdir()
