"""Files that are written from templates: all of them, or nothing.

The templates are in the folder ``skeleton``; in them, and in the names of files, ``$name`` stands
for a word.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from string import Template

from oadb.tools.usage import UsageError


def texts(
    places: Mapping[str, str], words: Mapping[str, str], folder: Path, remedy: str
) -> dict[Path, str]:
    """Return files with their texts; nothing is written.

    Args:
        places: of each template, such as ``package/notes.py``, the place of its file in *folder*.
        words: what to put into the templates and places, by their names.
        folder: where the files will be; it need not exist.
        remedy: what to do if one of them exists.

    Raises:
        UsageError: one of the files exists, or a folder on the way cannot be looked into.
    """
    templates = files("oadb.tools") / "skeleton"
    found = {
        folder / Template(place).substitute(words): Template(
            (templates / f"{template}.template").read_text(encoding="utf-8")
        ).substitute(words)
        for template, place in places.items()
    }
    existing = [str(path) for path in found if os.path.lexists(path)]
    if existing:
        raise UsageError(
            f"nothing was written, because this exists already: {', '.join(existing)}; {remedy}"
        )
    return found


def write(found: Mapping[Path, str]) -> None:
    """Write files that do not exist, and their folders: all of them, or nothing.

    Raises:
        UsageError: a file cannot be written.
    """
    with ExitStack() as undo:
        for path, text in found.items():
            try:
                _write(path, text, undo)
            except OSError as error:
                raise UsageError(
                    f"nothing was written, because {path} cannot be: {error.strerror}"
                ) from None
        undo.pop_all()


def _write(path: Path, text: str, undo: ExitStack) -> None:
    _make_folder(path.parent, undo)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        undo.callback(path.unlink)
        file.write(text)


def _make_folder(folder: Path, undo: ExitStack) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, undo)
        folder.mkdir()
        undo.callback(folder.rmdir)
