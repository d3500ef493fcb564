"""Runs the tests of a mutant in a tree, and says how they ended."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.mutation.mutants import Mutant
from tests.mutation.trees import mutated

Outcome = Literal["killed", "hung", "survived", "untested", "equivalent"]

TEST_SECONDS = 120
"""How long one test may take; it then counts as one that hangs."""

MARKERS = "not slow and not fault"

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_NOTHING_RAN = 5


@dataclass(frozen=True, slots=True)
class Result:
    """How the tests of a mutant ended, and which one noticed it."""

    identity: str
    title: str
    outcome: Outcome
    by: str
    seconds: float


def run(
    tree: Path,
    mutant: Mutant,
    command: Sequence[str],
    limit: float,
    variables: Mapping[str, str],
) -> Result:
    """Try a mutant: the command runs until a test fails, or the limit in seconds is over."""
    begun = time.monotonic()
    outcome, by = "untested", ""
    if command:
        with mutated(tree, mutant):
            outcome, by = ended(tree, command, limit, variables)
    seconds = round(time.monotonic() - begun, 1)
    return Result(mutant.identity, mutant.title, outcome, by, seconds)


def environment() -> dict[str, str]:
    """Return the variables of this process without those that choose a database."""
    return {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}


def command(
    tree: Path, tests: Sequence[str], markers: str = MARKERS, plugins: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs files of tests until one fails, or none if there are none."""
    if not tests:
        return []
    given = ["-x", "-n", "0", f"--timeout={TEST_SECONDS}", *tests]
    given += [part for plugin in plugins for part in ("-p", plugin)]
    return [*pytest_command(tree, markers), *given]


def pytest_command(tree: Path, markers: str) -> list[str]:
    """Return the command that runs pytest in a tree, in the order of its arguments."""
    options = ["-q", "-p", "no:cacheprovider", "-rfE", "--tb=line", "-m", markers]
    given = ["-p", "no:tests.support.longest_first"]
    return [sys.executable, "-m", "pytest", *options, *given, f"--rootdir={tree}"]


def ended(
    tree: Path, command: Sequence[str], limit: float, variables: Mapping[str, str]
) -> tuple[Outcome, str]:
    """Run a command in a tree, and return how it ended, and the test that failed."""
    with subprocess.Popen(
        command,
        cwd=tree,
        env={**environment(), "PYTHONPATH": str(tree), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            written, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()  # what watches its servers ends them
            return "hung", f"the limit of {limit:.0f} s"
    return judged(process.returncode, written)


def judged(code: int, written: str) -> tuple[Outcome, str]:
    """Say what the exit code of pytest and its output mean."""
    if code == 0:
        return "survived", ""
    if code == _NOTHING_RAN or code < 0:  # a negative one: somebody has ended it
        return "untested", ""
    found = _FAILED.search(written)
    by = found[1] if found else "import"
    return ("hung" if "from pytest-timeout" in written else "killed"), by
