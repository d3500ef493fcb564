"""Mutants that are listed: those that are always tried, and those that change nothing."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant

FOLDER = Path(__file__).parent
NAMED = FOLDER / "named.toml"
EQUIVALENT = FOLDER / "equivalent.toml"


@dataclass(frozen=True, slots=True)
class Listed:
    """A mutant of a list, by the lines that it changes, and why it is there."""

    path: str
    inside: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.path, self.inside, self.before, self.after)


def key(mutant: Mutant) -> tuple[str, str, str, str]:
    """Return what a list names a mutant by: the same for equal lines of a statement."""
    inside = mutant.inside.partition(" #")[0]
    return (mutant.path, inside, joined(mutant.before), joined(mutant.after))


def joined(text: str) -> str:
    """Return lines as one; spaces within a line tell it from another of the same words."""
    return " ".join(line.strip() for line in text.splitlines())


def squeezed(text: str) -> str:
    """Return lines as one, to be read."""
    return " ".join(text.split())


def read(path: Path) -> list[Listed]:
    """Return a list."""
    raw: list[Mapping[str, str]] = tomllib.loads(path.read_text()).get("mutant", [])
    return [Listed(**each) for each in raw]


def reasons(listed: Iterable[Listed]) -> dict[tuple[str, str, str, str], str]:
    """Return the reason of each, by what names it."""
    return {each.key: each.reason for each in listed}
