"""The first files of a package with SQL of its own, which run as they are.

They are templates in the folder ``skeleton``, in which ``$name`` is the name of the package.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from string import Template

from oadb.tools.package_names import require_free
from oadb.tools.usage import UsageError

# The place of each template in the new folder. The folder sql is inside of the package, so that
# a wheel has it without being told.
_PLACES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "package.py": "$name/__init__.py",
    "py.typed": "$name/py.typed",
    "notes.py": "$name/notes.py",
    "notes.sql": "$name/sql/queries/notes.sql",
    "create.sql": "$name/sql/migrations/0001_create_$name.sql",
    "create.rollback.sql": "$name/sql/migrations/0001_create_$name.rollback.sql",
    "schema_levels.jsonl": "$name/sql/schema_levels.jsonl",
    "conftest.py": "conftest.py",
    "test_contract.py": "tests/test_contract.py",
}


def texts(name: str, folder: Path) -> dict[Path, str]:
    """Return the files of a new package with their texts.

    Args:
        name: of the package, its project and its schema.
        folder: where they will be; it need not exist.

    Raises:
        UsageError: a package cannot have this name, or one of the files exists.
    """
    require_free(name)
    templates = files("oadb.tools") / "skeleton"
    found = {
        folder / Template(place).substitute(name=name): Template(
            (templates / f"{template}.template").read_text(encoding="utf-8")
        ).substitute(name=name)
        for template, place in _PLACES.items()
    }
    existing = [str(path) for path in found if os.path.lexists(path)]
    if existing:
        raise UsageError(
            f"nothing was written, because this exists already: {', '.join(existing)}; choose "
            "another folder with --folder"
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
