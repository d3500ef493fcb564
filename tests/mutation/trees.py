"""Copies of the sources, in each of which one mutant at a time is tried."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.mutation.mutants import Mutant

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "node_modules", "site", "*.sqlite")

# Python reads a compiled module again if its source is of another second, or of another size.
_seconds = count(1_000_000_000)


def copied(root: Path, folder: Path) -> Path:
    """Copy the sources into a new folder, and return it."""
    shutil.copytree(root, folder, ignore=_NOT_COPIED, symlinks=True)
    return folder


@contextmanager
def mutated(tree: Path, mutant: Mutant) -> Generator[None]:
    """Change the file of a mutant in a tree, and change it back at the end."""
    path = tree / mutant.path
    text = path.read_text()
    _write(path, mutant.applied(text))
    try:
        yield
    finally:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    second = next(_seconds)
    os.utime(path, (second, second))
