"""A small disk in memory, which is soon full and can be given more space."""

import os
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[Callable[[str], None]]:
    """Make *folder*, a disk of *size*, such as "4m"; give a function that changes the size."""
    folder.mkdir()
    if os.geteuid() != 0 or not _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder):
        pytest.skip("needs root, and the right to mount a tmpfs")

    def resize(size: str) -> None:
        assert _run("mount", "-o", f"remount,size={size}", folder)

    try:
        yield resize
    finally:
        _run("umount", "--lazy", folder)


def _run(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
