"""Finds all mutants of a tree."""

import ast
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tests.mutation import migration_edits, python_edits, sql_edits
from tests.mutation.mutants import Mutant, mutant, room_of

_NAME = re.compile(r"^-- name: (\w+)", re.MULTILINE)


def found(root: Path, rooms: Collection[str] = ()) -> list[Mutant]:
    """Return the mutants of the rooms, or of all; each has an identity of its own."""
    paths = [
        path.relative_to(root).as_posix()
        for pattern in ("oadb/**/*.py", "sql/queries/**/*.sql", "sql/migrations/*.sql")
        for path in sorted(root.glob(pattern))
        if not path.name.endswith(".rollback.sql")
    ]
    return of_files(root, [path for path in paths if not rooms or room_of(path) in rooms])


def of_files(root: Path, paths: Iterable[str]) -> list[Mutant]:
    """Return the mutants of some files."""
    return [*_numbered(each for path in paths for each in _of(path, (root / path).read_text()))]


def _of(path: str, text: str) -> Iterator[Mutant]:
    if path.endswith(".py"):
        for (line, name), edit in python_edits.edits(text):
            yield mutant(path, "python", (f"{path}:{line}", name), text, edit)
    elif path.startswith("sql/migrations/"):
        for edit in migration_edits.edits(text):
            yield mutant(path, "migration", ("", ""), text, edit)
    else:
        yield from _of_queries(path, text)


def _of_queries(path: str, text: str) -> Iterator[Mutant]:
    headings = [*_NAME.finditer(text)]
    starts = [each.start() for each in headings]
    for edit in sql_edits.edits(text):
        name = headings[bisect_right(starts, edit.start) - 1][1]
        yield mutant(path, "sql", (f"{Path(path).stem}.{name}", name), text, edit)


def _numbered(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Yield those that differ, with a number where two lines of a function are the same."""
    seen: Counter[str] = Counter()
    for each in mutants:
        seen[each.identity] += 1
        number = seen[each.identity]
        yield each if number == 1 else replace(each, inside=f"{each.inside} #{number}")


def is_code(each: Mutant, root: Path) -> bool:
    """Say whether a mutant of Python is valid; any test would notice an invalid one."""
    if each.kind != "python":
        return True
    with suppress(SyntaxError):
        ast.parse(each.applied((root / each.path).read_text()))
        return True
    return False
