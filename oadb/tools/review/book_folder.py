"""Writes a book into its folder: the whole of it, or nothing."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkdtemp

from oadb.errors import ConfigError

_MARK = ".oadb-review"
"""The file by which the folder of a book is known."""


def require_replaceable(folder: Path) -> None:
    """Check that a folder is missing, empty or a book.

    Raises:
        ConfigError: it is something else, which is never overwritten.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"--html {folder} is no folder; name one that is new or empty")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise ConfigError(
            f"--html {folder} has other files in it, which would be lost; name a folder that is "
            "new, empty or a review book"
        )


def write(folder: Path, pages: Iterable[tuple[str, str]]) -> int:
    """Write the files of a book, and put them into the place of an older book.

    Until all are written, the older book stays as it is; if that fails, it stays.

    Returns:
        The number of bytes.

    Raises:
        ConfigError: the folder is no book, or cannot be written.
    """
    require_replaceable(folder)
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            size = _fill(made, pages)
            _replace(folder, made)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise ConfigError(f"--html {folder} cannot be written: {error.strerror}") from None
    return size


def _fill(made: Path, pages: Iterable[tuple[str, str]]) -> int:
    size = 0
    (made / _MARK).write_text("A review book of oadb; the whole folder is replaced by the next.\n")
    for name, text in pages:
        path = made / name
        path.parent.mkdir(exist_ok=True)
        size += path.write_bytes(text.encode())
    made.chmod(0o755)  # a temporary folder is its owner's alone
    return size


def _replace(folder: Path, made: Path) -> None:
    """Rename the new book to its place; the old one is deleted when the new one is there."""
    old = made.with_name(f"{made.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
