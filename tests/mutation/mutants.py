"""A mutant: one small change of a source, which a test should notice."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a text: what stands there from *start* to *end* becomes *replacement*."""

    operator: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """An edit of a file.

    Attributes:
        path: Of the file, from the root of the repository.
        kind: ``python``, ``sql`` (a query) or ``migration``.
        room: The folder of oadb that it belongs to; of migrations ``migrations``.
        place: What the tests are chosen by: the first line of the function, or the statement.
        inside: The name of the function or the statement.
        before: The lines that change, without what surrounds them.
        after: What they become.
    """

    path: str
    kind: str
    room: str
    place: str
    inside: str
    line: int
    edit: Edit
    before: str
    after: str

    @property
    def identity(self) -> str:
        """What stays the same while other lines of the file change."""
        return f"{self.path}|{self.inside}|{self.before}|{self.after}"

    @property
    def title(self) -> str:
        return f"{self.path}:{self.line} {self.edit.operator}"

    def applied(self, text: str) -> str:
        """Return the text of the file with the change."""
        return text[: self.edit.start] + self.edit.replacement + text[self.edit.end :]


def mutant(path: str, kind: str, place: tuple[str, str], text: str, edit: Edit) -> Mutant:
    """Return the mutant that an edit of the text of a file makes."""
    first = text.rfind("\n", 0, edit.start) + 1
    last = text.find("\n", edit.end)
    last = len(text) if last == -1 else last
    after = text[first : edit.start] + edit.replacement + text[edit.end : last]
    line = text.count("\n", 0, edit.start) + 1
    before = text[first:last].strip()
    return Mutant(path, kind, room_of(path), *place, line, edit, before, after.strip())


def room_of(path: str) -> str:
    """Return the room of a file: ``oadb/logs/writing/queue.py`` is of ``logs``."""
    parts = Path(path).parts
    if parts[:2] == ("sql", "migrations"):
        return "migrations"
    inside = parts[2:] if parts[:2] == ("sql", "queries") else parts[1:]
    return inside[0] if len(inside) > 1 else Path(inside[0]).stem


def chosen(mutants: Iterable[Mutant], sample: int, seed: int) -> Iterator[Mutant]:
    """Yield as many of each room, as far as it has them, in an order that the seed decides.

    An edit of a source leaves the others of its room where they are in that order.
    """
    by_room: dict[str, list[Mutant]] = defaultdict(list)
    for each in mutants:
        by_room[each.room].append(each)
    for each in by_room.values():
        each.sort(key=lambda mutant: _place(mutant, seed))
    left = sample
    for count, (_, of_room) in enumerate(sorted(by_room.items(), key=lambda item: len(item[1]))):
        share = min(len(of_room), -(-left // (len(by_room) - count)))
        yield from of_room[:share]
        left -= share


def _place(mutant: Mutant, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}|{mutant.identity}".encode()).digest()


def shuffled(mutants: Iterable[Mutant], seed: int) -> list[Mutant]:
    """Return them in another order, so that a run that is ended early has tried every room."""
    order = [*mutants]
    random.Random(seed).shuffle(order)
    return order
