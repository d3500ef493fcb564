"""Folders that ``oadb new`` has written, and programs that run in them."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def environ(**more: str) -> dict[str, str]:
    """Return the environment of a developer who has installed oadb."""
    return {
        **os.environ,
        "MYPYPATH": str(REPOSITORY),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYRIGHT_PYTHON_GLOBAL_NODE": "false",
        **more,
    }


def started(project: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a module of Python in the folder of a project; both outputs are one."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env=environ(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def python(project: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the folder of a project, as its developer does."""
    with started(project, *arguments, **more) as process:
        said, _ = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, said)


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
