"""Services that documents build: their files and their commands, in the order of the document."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"(?:^In `(?P<file>[^`]+)`(?:, too)?:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_END = "END OF THE FILE"


def build(
    document: Path, folder: Path, url: str, environ: Mapping[str, str] | None = None
) -> list[list[str]]:
    """Write the files of *document* into *folder* and run its commands, as it comes to them.

    A block belongs into the file that the line before it names, after what is there already.

    Args:
        environ: variables of its commands beside the usual ones, or instead of them.

    Returns:
        For each block of commands, the lines that it prints.
    """
    return [_run(commands, folder, url, environ or {}) for commands in _follow(document, folder)]


def _follow(document: Path, folder: Path) -> Iterator[str]:
    """Write the files, with an empty __init__.py in each package, and yield the commands."""
    for block in _BLOCK.finditer(document.read_text()):
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".py" and path.parent != folder:
                (path.parent / "__init__.py").touch()
            before = f"{path.read_text()}\n" if path.exists() else ""
            path.write_text(before + block["text"])
        elif block["language"] == "sh":
            yield block["text"]


def _run(commands: str, folder: Path, url: str, environ: Mapping[str, str]) -> list[str]:
    done = subprocess.run(
        ["bash", "-euc", f"oadb() {{ '{sys.executable}' -m oadb \"$@\"; }}\n{commands}"],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
            "PYTEST_ADDOPTS": "-p no:asyncio",  # it warns where it is not configured
            "DATABASE_URL": url,
            **environ,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


@dataclass(frozen=True, slots=True)
class Typed:
    """A block of a document that is typed in one terminal: commands, or what a file has then."""

    file: str
    text: str

    @property
    def script(self) -> str:
        """The block as a line of a shell that may have changed its folder."""
        if not self.file:
            return self.text
        folder = shlex.quote(os.path.dirname(self.file) or ".")  # noqa: PTH120  # not of this folder
        file = shlex.quote(self.file)
        return f"mkdir -p {folder}\ncat > {file} <<'{_END}'\n{self.text}{_END}\n"


def typed(text: str) -> list[Typed]:
    """Return what a document has its reader type, in its order."""
    return [
        Typed(block["file"] or "", block["text"])
        for block in _BLOCK.finditer(text)
        if block["file"] or block["language"] == "sh"
    ]
