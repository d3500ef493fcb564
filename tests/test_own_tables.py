"""The document about a service's own tables builds that service: its files, then its commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

from oadb.testing.servers import Server

DOCUMENT = Path(__file__).parents[1] / "docs" / "your-own-tables.md"
_BLOCK = re.compile(
    r"(?:^In `(?P<file>[^`]+)`(?:, too)?:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def written(folder: Path) -> str:
    """Write the files of the document into *folder*, and return its commands."""
    (folder / "notes").mkdir()
    (folder / "notes" / "__init__.py").touch()
    commands = ""
    for block in _BLOCK.finditer(DOCUMENT.read_text()):
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            before = f"{path.read_text()}\n" if path.exists() else ""
            path.write_text(before + block["text"])
        elif block["language"] == "sh":
            commands += block["text"]
    return commands


def test_a_service_is_built_by_following_the_document(tmp_path: Path, oadb_server: Server) -> None:
    commands = f"oadb() {{ '{sys.executable}' -m oadb \"$@\"; }}\n{written(tmp_path)}"
    with oadb_server.clone("template1") as url:
        done = subprocess.run(
            ["bash", "-euc", commands],
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(DOCUMENT.parents[1]),
                "DATABASE_URL": url,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    printed = done.stdout.splitlines()
    assert printed[:2] == ["would apply 0001_create_notes", "applied 0001_create_notes"]
    assert printed[2].startswith("applied    0001_create_notes")
    assert printed[3:] == ["all declarations agree with the database", "Sell the chair", "1000"]
