"""The document about a service's own tables builds that service: its files, then its commands."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from oadb.testing.servers import Server

DOCUMENT = Path(__file__).parents[1] / "docs" / "your-own-tables.md"
_BLOCK = re.compile(
    r"(?:^In `(?P<file>[^`]+)`(?:, too)?:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def follow(folder: Path) -> Iterator[str]:
    """Write the files of the document into *folder*, in its order, and yield its commands."""
    (folder / "notes").mkdir()
    (folder / "notes" / "__init__.py").touch()
    for block in _BLOCK.finditer(DOCUMENT.read_text()):
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            before = f"{path.read_text()}\n" if path.exists() else ""
            path.write_text(before + block["text"])
        elif block["language"] == "sh":
            yield block["text"]


def run(commands: str, folder: Path, url: str) -> list[str]:
    """Run commands in *folder*, and return what they print."""
    done = subprocess.run(
        ["bash", "-euc", f"oadb() {{ '{sys.executable}' -m oadb \"$@\"; }}\n{commands}"],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCUMENT.parents[1]),
            "DATABASE_URL": url,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


def test_a_service_is_built_by_following_the_document(tmp_path: Path, oadb_server: Server) -> None:
    with oadb_server.clone("template1") as url:
        migrated, served, walled = [run(each, tmp_path, url) for each in follow(tmp_path)]

    assert migrated[:2] == ["would apply 0001_create_notes", "applied 0001_create_notes"]
    assert migrated[2].startswith("applied    0001_create_notes")
    assert migrated[3:] == ["all declarations agree with the database"]
    assert served == ["Sell the chair", "1000"]
    assert walled[0] == "applied 0001_create_schema", "those of oadb come first"
    assert "applied 0002_create_drafts" in walled
    assert any("2 passed" in line for line in walled)
