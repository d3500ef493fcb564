"""Restores what pg_dump wrote, with the programs of the embedded PostgreSQL."""

import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo

from oadb.embedded import embedded_server
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError, MigrationError

_CUSTOM = b"PGDMP"


def restore(dsn: Dsn, dump: Path, seconds: float) -> list[str]:
    """Run a dump, plain or in the custom format, and return the errors of its statements.

    A plain one is run by psql as it is: it can do what psql can.

    Raises:
        ConfigError: the file cannot be read, or the embedded PostgreSQL is not installed.
        MigrationError: it took longer than *seconds*.
    """
    programs = embedded_server.binaries()
    target = make_conninfo(**dsn.keywords)
    try:
        with dump.open("rb") as file:
            is_custom = file.read(len(_CUSTOM)) == _CUSTOM
    except OSError as error:
        raise ConfigError(f"--dump {dump}: {error.strerror}") from None
    if is_custom:
        command = [str(programs / "pg_restore"), "--no-owner", "--no-privileges", "-d", target]
        command.append(str(dump))
    else:
        command = [str(programs / "psql"), "-X", "-q", "-o", "/dev/null", "-d", target]
        command += ["-f", str(dump)]
    try:
        done = subprocess.run(  # noqa: S603  # programs of the package, and no shell
            command, check=False, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise MigrationError(f"--dump {dump}: not restored within {seconds:.0f} s") from None
    lines = done.stderr.decode(errors="replace").splitlines()
    return [line.partition("ERROR:")[2].strip() for line in lines if "ERROR:" in line]
