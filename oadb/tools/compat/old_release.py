"""A process that runs the code of an earlier release: tells its statements, and checks them."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import IO, Self, cast
from urllib.parse import quote, urlencode

import oadb
from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.errors import DeclarationError
from oadb.tools.compat import release_probe
from oadb.tools.compat.base_release import BaseRelease
from oadb.tools.compat.contract_faults import parse
from oadb.tools.compat.release_probe import ToldRelease
from oadb.tools.compat.release_statement import ReleaseStatement, StatementFault

# Seconds to import a release, and to check all of it once.
_PATIENCE = 300.0


class OldRelease:
    """The process, and what it told at its start."""

    def __init__(self, base: BaseRelease, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._base = base
        self._process = process
        self._errors = errors
        self._told = cast("ToldRelease", self._answer())
        for name, file in self._told["imported"].items():
            if not Path(file).resolve().is_relative_to(base.roots[name]):
                raise self._fault(f"{name} was imported from {file}, which is not of it")
        self.statements = [ReleaseStatement.of(each) for each in self._told["statements"]]

    @classmethod
    @contextmanager
    def running(cls, base: BaseRelease, packages: Sequence[Package], dsn: Dsn) -> Generator[Self]:
        """Start the process; it is ended with the block.

        Args:
            dsn: the database that its modules get to see as theirs.

        Raises:
            DeclarationError: the release cannot be imported, or does not declare what its files
                say, or has no contract check that can be asked.
        """
        names = [f"{each.name}:{each.sql.name}" for each in packages]
        command = [sys.executable, "-P", str(release_probe.__file__), *names]
        pipe = subprocess.PIPE
        with (
            TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
            subprocess.Popen(  # noqa: S603  # our own program
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=errors,
                text=True,
                env=_environment(base, dsn),
            ) as process,
        ):
            try:
                yield cls(base, process, errors)
            finally:
                process.kill()

    @property
    def folders(self) -> dict[str, Path]:
        """The folders with the SQL of the packages in this release, by their names."""
        return {name: Path(folder) for name, folder in self._told["folders"].items()}

    def check(self, dsn: Dsn) -> list[StatementFault]:
        """Compare every declaration with a database.

        Raises:
            DeclarationError: the process failed, or does not answer.
        """
        asked = self._process.stdin
        assert asked is not None  # noqa: S101  # it was opened as a pipe
        with suppress(BrokenPipeError):  # of a process that has ended, which the answer tells
            print(_url(dsn), file=asked, flush=True)
        return [parse(line) for line in cast("list[str]", self._answer())]

    def _answer(self) -> object:
        told = self._process.stdout
        assert told is not None  # noqa: S101  # it was opened as a pipe
        timer = Timer(_PATIENCE, self._process.kill)
        timer.start()
        line = told.readline()
        timer.cancel()
        if not line:
            ended = f"it ended with {self._process.wait()}"
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or [ended])[-1]
            raise self._fault(f"its contract check cannot be asked: {last}")
        answer = cast("list[str] | Mapping[str, str]", json.loads(line))
        if isinstance(answer, dict) and "error" in answer:
            raise self._fault(answer["error"])
        return answer

    def _fault(self, text: str) -> DeclarationError:
        return DeclarationError(f"the code of {self._base.name} cannot be compared: {text}")


def _url(dsn: Dsn) -> str:
    return f"postgresql:///?{urlencode(dsn.keywords, quote_via=quote)}"


def _environment(base: BaseRelease, dsn: Dsn) -> dict[str, str]:
    """Return the environment of the process: packages are found in the release first."""
    roots = [str(root) for root in dict.fromkeys(base.roots.values())]
    # Behind them, what of oadb and of other packages is not of that release.
    behind = [str(Path(oadb.__file__).parents[1]), *filter(None, sys.path)]
    path = os.pathsep.join(dict.fromkeys([*roots, *behind]))
    own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    return {**os.environ, **own, "DATABASE_URL": _url(dsn)}
