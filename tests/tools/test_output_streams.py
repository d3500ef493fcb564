"""What a command does where its output cannot go: closed pipes, full disks, narrow encodings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long("each starts an interpreter")

OADB = f"{sys.executable} -m oadb"
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/none"


def run(command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "DATABASE_URL": UNREACHABLE, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["--help", "doctor", "doctor --json"])
def test_a_reader_that_went_away_is_no_finding_and_no_error(command: str) -> None:
    # The reader is gone before anything is written.
    done = run(f"{{ sleep 0.01; {OADB} {command}; echo $? >&2; }} | true")

    assert (done.stdout, done.stderr) == ("", "141\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["--help", "doctor", "doctor --json"])
def test_a_full_disk_is_one_line(command: str) -> None:
    done = run(f"{OADB} {command} >/dev/full")

    assert (done.returncode, done.stderr) == (1, "oadb: the output: No space left on device\n")


def test_an_output_that_was_closed_is_no_error() -> None:
    done = run(f"{OADB} --version >&-")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_character_that_the_terminal_lacks_is_an_escape() -> None:
    database = UNREACHABLE.replace("none", "caf%C3%A9")
    done = run(f"{OADB} doctor", DATABASE_URL=database, PYTHONIOENCODING="iso8859-5")

    assert (done.returncode, done.stderr) == (3, "")
    assert "127.0.0.1:1/caf\\xe9" in done.stdout


def test_a_shell_completes_commands_of_commands() -> None:
    words = {"_OADB_COMPLETE": "complete_bash", "COMP_WORDS": "oadb migrate ", "COMP_CWORD": "2"}
    command = Path(sys.executable).parent / "oadb"
    done = run(str(command), **words)

    assert {"status", "rollback"} <= {*done.stdout.split()}
