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


def run(block: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a block, and then in order the commands ``oadb`` that it called; fail if one fails.

    Nothing in the block may use what a command prints or writes.
    """
    calls = folder / "calls"
    calls.touch()
    command = folder / "bin" / "oadb"
    command.parent.mkdir()
    command.write_text(_CALLED.format(calls=calls))
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euc", block],
        env={"PATH": f"{command.parent}:/usr/bin:/bin", **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), block
    called = [*_called(calls.read_text().split("\0"))]
    assert called, block
    for url, ring, arguments in called:
        done = oadb(*arguments, url=url, OADB_KEYRING_FILE=ring)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)


def _called(words: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the database, the file of the key ring and the arguments of each call."""
    while len(words) > 1:
        url, ring, count, *words = words
        yield url, ring, words[: int(count)]
        words = words[int(count) :]
