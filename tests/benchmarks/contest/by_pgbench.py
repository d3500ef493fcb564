"""pgbench's answers: PostgreSQL's benchmark program, which is written in C and reads no values."""

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from oadb.embedded import embedded_server
from oadb.errors import ConfigError
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import BLOCKING, Entrant, Entrants, Spent
from tests.benchmarks.contest.names import PGBENCH
from tests.benchmarks.contest.questions import LOOKUP, ROWS_100, ROWS_MANY, TRANSACTION, UPDATE

_KEY = f"\\set key random(1, {trades.TRADES})\n"
_GET = f"{trades.GET.format(':key')};\n"
_SCRIPTS = {
    LOOKUP: (2000, f"{_KEY}{_GET}"),
    TRANSACTION: (1000, f"{_KEY}begin;\n{_GET}commit;\n"),
    UPDATE: (20, f"{_KEY}{trades.SET.format(chr(39) + 'seen' + chr(39), ':key')};\n"),
    ROWS_100: (300, f"{trades.LIST.format(trades.HUNDRED)};\n"),
    ROWS_MANY: (10, f"{trades.LIST.format(trades.MANY)};\n"),
}
"""The script of each question, and how often a round runs it: so that its start hardly counts."""


@contextmanager
def entrants(url: str) -> Generator[Entrants]:
    """Give them, if the program is installed."""
    program = _program()
    if program is None:
        yield {}
        return
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        found: Entrants = {}
        for key, (usual, script) in _SCRIPTS.items():
            times = 10 if trades.SMALL else usual
            (folder / key).write_text(script)
            command = [program, "--protocol=prepared", "--client=1", "--jobs=1", "--no-vacuum"]
            command += [f"--transactions={times}", f"--file={folder / key}", url]
            found[key] = [Entrant(PGBENCH, BLOCKING, _running(command, times))]
        yield found


def _running(command: Sequence[str], times: int) -> Callable[[int], Spent]:
    return lambda _: _spent(command, times)


def _spent(command: Sequence[str], times: int) -> Spent:
    busy = _children()
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    line = next(line for line in answer.stdout.splitlines() if line.startswith("tps = "))
    return Spent(1 / float(line.split()[2]), (_children() - busy) / times)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _program() -> str | None:
    try:
        bundled = embedded_server.binaries() / "pgbench"
    except ConfigError:
        return shutil.which("pgbench")
    return str(bundled) if os.access(bundled, os.X_OK) else shutil.which("pgbench")
