"""oadb --env-file: where the variables of a command come from."""

import os
from pathlib import Path

import pytest

from tests.support.command_line import oadb

URL = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "production.env"


def test_a_command_reads_its_variables_from_a_file(file: Path) -> None:
    file.write_text(f"# for the doctor\nexport DB_POOL_SIZE=0\nDATABASE_URL='{URL}'\n")

    done = oadb("--env-file", str(file), "doctor", url=URL)

    assert done.returncode == 1
    assert done.stderr.startswith("oadb: DB_POOL_SIZE ")


def test_a_variable_of_the_environment_comes_first(file: Path) -> None:
    file.write_text("DATABASE_URL=postgresql://other@127.0.0.2:2/other\n")

    done = oadb("--env-file", str(file), "doctor", url=URL)

    assert "nobody@127.0.0.1:1/none" in done.stdout
    assert os.environ.get("DATABASE_URL") != URL


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"A=1\nDATABASE_URL\n", ": line 2 is not NAME=value"),
        (b"A=1\n\nB='2\n", ": line 3 is not NAME=value"),
        (b"A=\xff\n", ": not UTF-8"),
        (None, ": No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_one_line_without_a_value(
    file: Path, content: bytes | None, error: str
) -> None:
    if content is not None:
        file.write_bytes(content)

    done = oadb("--env-file", str(file), "doctor", url=URL)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert str(file) in done.stderr
    assert done.stderr.endswith(f"{error}\n")
