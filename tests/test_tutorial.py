"""The tutorial, typed block by block in one terminal, as it is written and nothing else."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.documented import DOCS, Typed, typed
from tests.support.free_ports import free_ports

TUTORIAL = (DOCS / "tutorial.md").read_text()
INSTALLS = "pip install"
PATHS = filter(None, [os.environ.get("PYTHONPATH")])  # else oadb is installed

PORTS = ("8710", "8711")
"""Of the page; on the machine that tests it, others may have them."""

ORDER = {"symbol": "INFY", "exchange": "NSE", "action": "BUY", "quantity": "1"}
ASKED = """\
url = http://localhost:8711/orders
header = "X-API-Key: $KEY"
json = {body}
output = /dev/null
fail
silent
"""
BODIES = [json.dumps({**ORDER, "reason": f"order {number}"}) for number in range(99)]
ORDERS = "next\n".join(ASKED.format(body=json.dumps(body)) for body in BODIES)

# What clients of the service do before it is stopped: 99 orders, 8 at a time. All that was written
# is read back: a page of the journal has 100 entries.
LOAD = f"""
curl --parallel --parallel-max 8 --config - <<END
{ORDERS}END
echo $(curl -sf -b cookies http://localhost:8711/journal | grep -o '"reason":"[^"]*"' |
    sort --unique | wc -l) of 100 are read back
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder whose path is short: PostgreSQL has its socket in it."""
    made = Path(tempfile.mkdtemp(prefix="oadb-"))
    made.chmod(0o755)  # as root, the server runs as another user
    yield made
    shutil.rmtree(made, ignore_errors=True)  # a run that failed may still be stopping


def follow(blocks: list[Typed], folder: Path, environ: Mapping[str, str]) -> str:
    """Type blocks in one terminal, with the load before the last one; return what is printed."""
    *first, last = [block.script for block in blocks]
    script = "\n".join([*first, LOAD, last])
    for port, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        script = script.replace(port, str(free))
    (folder / "typed.sh").write_text(script)
    with (
        (folder / "printed").open("w") as printed,
        subprocess.Popen(
            ["bash", "-eu", folder / "typed.sh"],
            cwd=folder,
            env={"HOME": str(folder), **environ},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as terminal,
    ):
        try:
            terminal.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(terminal.pid, signal.SIGTERM)  # servers of a run that has failed
    said = (folder / "printed").read_text()
    assert terminal.returncode == 0, said
    return said


@pytest.mark.timeout(600)  # twenty commands, each of which starts Python
@pytest.mark.slow  # .ci/installed runs it, with the wheel
def test_the_service_of_the_tutorial_is_built_tested_and_served(
    folder: Path,
) -> None:
    served, _, rest = TUTORIAL.partition("\n## Deploy it\n")
    *_, stop = typed(rest)
    blocks = [block for block in typed(served) if INSTALLS not in block.text]
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(folder / "desk"), *PATHS]),
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:asyncio",
    }

    said = follow([*blocks, stop], folder, environ)

    assert "all declarations agree with the database" in said
    assert "4 passed" in said
    assert 'statement_seconds_count{query="journal.write"} 1.0' in said
    assert "100 of 100 are read back" in said


@pytest.mark.slow
def test_a_stranger_types_the_whole_tutorial(folder: Path) -> None:
    dist = folder / "dist"
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(dist), str(DOCS.parent)]
    subprocess.run(build, check=True, capture_output=True)
    environ = {"PATH": os.environ["PATH"], "PIP_FIND_LINKS": str(dist)}

    said = follow(typed(TUTORIAL), folder, environ)

    assert "desk 0002_index_journal: nobody waits for it" in said
    assert "all plans are written" in said
    assert "desk: the schema is the intended one at level 0002_index_journal" in said
    assert "ok   schema: desk is the intended one at 0002_index_journal" in said
    assert "100 of 100 are read back" in said


def amount(text: str) -> list[str]:
    """Return how many words there are to read, files to paste, and lines and characters to type."""
    blocks = typed(text)
    commands = [block.text for block in blocks if not block.file]
    words = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).split()
    files = len(blocks) - len(commands)
    counts = (len(words), files, sum(map(len, map(str.splitlines, commands))))
    return [f"{count:,}" for count in (*counts, sum(map(len, commands)))]


def test_the_tutorial_counts_what_is_read_and_typed() -> None:
    page, _, last = TUTORIAL.partition("\n## How long it takes\n")
    tested, _, _ = page.partition("\n## Serve it\n")
    rows = [line.split(" | ")[1:5] for line in last.splitlines() if line.startswith("| ")]

    assert rows[2:] == [amount(tested), amount(page)]
