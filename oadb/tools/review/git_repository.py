"""Git, as far as the book asks it: where files are, and the history of parts of them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_SECONDS = 60


def root_of(folder: Path) -> Path | None:
    """Return the root of the repository that a folder is in; None if it is in none."""
    found = _run(folder, ["rev-parse", "--show-toplevel"])
    return None if found is None else Path(found.decode().strip())


def head_of(root: Path) -> str:
    """Return the short name of the commit that is checked out; empty if there is none."""
    return (_run(root, ["rev-parse", "--short", "HEAD"]) or b"").decode().strip()


def log_of(root: Path, options: Sequence[str], paths: Sequence[Path]) -> str:
    """Return the output of ``git log`` about some folders."""
    found = _run(root, [*options, "--", *map(str, paths)])
    return (found or b"").decode(errors="replace")


def _run(folder: Path, arguments: Sequence[str]) -> bytes | None:
    """Return what git prints; None if it fails or is not installed."""
    try:
        done = subprocess.run(  # noqa: S603  # arguments are a list: no shell reads them
            ["git", *arguments],  # noqa: S607  # git is found as the user finds it
            cwd=folder,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
