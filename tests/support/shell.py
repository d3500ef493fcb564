"""Shell in documents: bash runs it, and this process the commands ``oadb`` that it calls.

A process for each of them would take most of a second to start.
"""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.command_line import oadb

# In place of oadb: adds how it was called to a file.
_CALLED = """\
#!/bin/bash
printf '%s\\0' "$DATABASE_URL" "$OADB_KEYRING_FILE" "$#" "$@" >> {calls}
"""


class Commands:
    """The commands ``oadb`` that a block calls; *folder* is to be the first in its PATH."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self._calls.write_text("")
        self._calls.chmod(0o666)  # the block may run as another user
        self.folder = folder / "bin"
        self.folder.mkdir(exist_ok=True)
        command = self.folder / "oadb"
        command.write_text(_CALLED.format(calls=self._calls))
        command.chmod(0o755)

    def run(self) -> int:
        """Run them in order, and return how many there were; fail if one fails."""
        called = [*_called(self._calls.read_text().split("\0"))]
        for url, ring, arguments in called:
            done = oadb(*arguments, url=url, OADB_KEYRING_FILE=ring)
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return len(called)


def run(block: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a block, and then in order the commands ``oadb`` that it called; fail if one fails.

    Nothing in the block may use what a command prints or writes.
    """
    commands = Commands(folder)
    done = subprocess.run(
        ["bash", "-euc", block],
        env={"PATH": f"{commands.folder}:/usr/bin:/bin", **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), block
    assert commands.run(), block


def _called(words: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the database, the file of the key ring and the arguments of each call."""
    while len(words) > 1:
        url, ring, count, *words = words
        yield url, ring, words[: int(count)]
        words = words[int(count) :]
