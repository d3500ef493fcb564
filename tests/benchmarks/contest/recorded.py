"""Runs that are kept, in docs/figures: what each round took, and on what machine, server, revision.

Whatever a document says of them is computed from the rounds.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypedDict

from tests.benchmarks.contest.questions import QUESTIONS, Question
from tests.benchmarks.rounds import Ratio, middle, ratio

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "figures"
PINNED, FREE = "pinned", "not pinned"

_STEM = "calls-{}.json"


class Rounds(TypedDict):
    """What an entrant took: nanoseconds of one call in each round, by the clock and of CPU."""

    name: str
    how: str
    clock: list[int]
    cpu: list[int]


class Pass(TypedDict):
    """One pass over a question."""

    server: str
    entrants: list[Rounds]


class Answers(TypedDict):
    """What is kept of a question."""

    made: str
    revision: str
    machine: list[str]
    passes: dict[str, Pass]


@dataclass(frozen=True)
class Measured:
    """One entrant in one pass."""

    rounds: Rounds

    @property
    def name(self) -> str:
        return self.rounds["name"]

    @property
    def how(self) -> str:
        return self.rounds["how"]

    @cached_property
    def clock(self) -> Ratio:
        """The median seconds of one call with their interval."""
        return middle([each / 1e9 for each in self.rounds["clock"]])

    @cached_property
    def cpu(self) -> Ratio:
        """The same of the client's CPU time."""
        return middle([each / 1e9 for each in self.rounds["cpu"]])

    def times(self, other: "Measured") -> Ratio:
        """Return how many times the time of *other* it took, round by round."""
        return ratio(self.rounds["clock"], other.rounds["clock"])

    def cpu_times(self, other: "Measured") -> Ratio:
        """Return the same of CPU time."""
        return ratio(self.rounds["cpu"], other.rounds["cpu"])


@dataclass(frozen=True)
class Record:
    """The answers to a question."""

    question: Question
    answers: Answers

    def entrants(self, passed: str) -> list[Measured]:
        """Return all of a pass, in the order in which they are shown."""
        return [Measured(rounds) for rounds in self.answers["passes"][passed]["entrants"]]

    def find(self, passed: str, name: str, how: str) -> Measured:
        """Return one of them.

        Raises:
            LookupError: It did not take part.
        """
        for each in self.entrants(passed):
            if (each.name, each.how) == (name, how):
                return each
        raise LookupError(f"{self.question.key}: no {name!r}, {how}")

    def server(self, passed: str) -> str:
        """Say what the server of a pass waited for."""
        return self.answers["passes"][passed]["server"]


def keep(
    passes: Mapping[str, tuple[str, Mapping[str, Sequence[Rounds]]]],
    machine: list[str],
    folder: Path,
) -> None:
    """Write a file for each question that was asked in *passes*: server, entrants by question."""
    asked = next(iter(passes.values()))[1]
    for key in asked:
        answers = Answers(
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            revision=revision(),
            machine=machine,
            passes={
                name: {"server": server, "entrants": [*answered[key]]}
                for name, (server, answered) in passes.items()
            },
        )
        write(folder / _STEM.format(key), answers)


def write(path: Path, kept: Mapping[str, object]) -> None:
    """Write a run; the figures of a list stand in one line."""
    text = json.dumps(kept, indent=1)
    lines: list[str] = []
    for line in text.splitlines():
        bare = line.strip().rstrip(",")
        if lines and (bare == "]" or bare.lstrip("-").replace(".", "", 1).isdigit()):
            lines[-1] += line.strip()
        else:
            lines.append(line)
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read(folder: Path) -> list[Record]:
    """Return what is kept of every question."""
    found: list[Record] = []
    for question in QUESTIONS:
        path = folder / _STEM.format(question.key)
        if not path.is_file():
            sys.exit(f"{path} is missing: python tests/benchmarks/expert.py {question.key}")
        found.append(Record(question, json.loads(path.read_text())))
    return found


def revision() -> str:
    """Name the revision of the files, and say whether they were changed since."""
    shown = ("git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty=, changed")
    answer = subprocess.run(shown, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "files of no revision"
