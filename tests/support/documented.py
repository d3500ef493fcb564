"""Services that documents build: the files of a document, then its commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"(?:^In `(?P<file>[^`]+)`(?:, too)?:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def build(document: Path, folder: Path, url: str) -> list[str]:
    """Write the files of *document* into *folder*, run its commands, and return what they print.

    A block belongs into the file that the line before it names, after what is there already.
    """
    commands = f"oadb() {{ '{sys.executable}' -m oadb \"$@\"; }}\n{_write(document, folder)}"
    done = subprocess.run(
        ["bash", "-euc", commands],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
            "DATABASE_URL": url,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


def _write(document: Path, folder: Path) -> str:
    """Write the files, with an empty __init__.py in each package, and return the commands."""
    commands = ""
    for block in _BLOCK.finditer(document.read_text()):
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".py" and path.parent != folder:
                (path.parent / "__init__.py").touch()
            before = f"{path.read_text()}\n" if path.exists() else ""
            path.write_text(before + block["text"])
        elif block["language"] == "sh":
            commands += block["text"]
    return commands
