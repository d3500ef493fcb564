"""Git, as far as the book asks it: files of a revision, and the history of parts of files."""

import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from oadb.errors import ConfigError

_SECONDS = 60


def root_of(folder: Path) -> Path | None:
    """Return the root of the repository that a folder is in; None if it is in none."""
    found = _run(folder, ["rev-parse", "--show-toplevel"])
    return None if found is None else Path(found.decode().strip())


def head_of(root: Path) -> str:
    """Return the short name of the commit that is checked out; empty if there is none."""
    return (_run(root, ["rev-parse", "--short", "HEAD"]) or b"").decode().strip()


def commit_of(root: Path, revision: str) -> str:
    """Return the whole name of a revision's commit.

    Raises:
        ConfigError: there is no such revision.
    """
    name = f"{revision}^{{commit}}"
    found = _run(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", name])
    if found is None:
        raise ConfigError(f"--base {revision}: {root} has no such revision; see git log")
    return found.decode().strip()


def export(root: Path, commit: str, paths: Sequence[Path], target: Path) -> None:
    """Write the files of some folders of the repository, as they were at a commit.

    Folders that were not there then are left out.
    """
    for path in paths:
        archived = _run(root, ["archive", "--format=tar", commit, "--", str(path)])
        if archived is not None:
            with tarfile.open(fileobj=BytesIO(archived)) as archive:
                archive.extractall(target, filter="data")


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
