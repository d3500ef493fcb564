"""Type checkers infer the intended types, and find common mistakes."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
FILES = (HERE / "users.py", HERE / "tasks.py", HERE / "mistakes.py")

EXPECTED = re.compile(r"# E: (?P<mypy>\S+), (?P<pyright>\S+)$")
Errors = dict[str, set[tuple[int, str]]]


@cache
def found_by(checker: str) -> Errors:
    """Return line and code of each error, by the name of the file."""
    return {"mypy": mypy, "pyright": pyright}[checker]()


def run(*arguments: str) -> str:
    """Run a checker with the settings of the repository; it exits with 1 if it finds errors."""
    command = [sys.executable, "-m", *arguments, *map(str, FILES)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    return ran.stdout


def mypy() -> Errors:
    found: Errors = {path.name: set() for path in FILES}
    for line in run("mypy", "--output=json").splitlines():
        error = json.loads(line)
        if error["severity"] == "error":
            found[Path(error["file"]).name].add((error["line"], error["code"]))
    return found


def pyright() -> Errors:
    found: Errors = {path.name: set() for path in FILES}
    for error in json.loads(run("pyright", "--outputjson"))["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        found[Path(error["file"]).name].add((line, error.get("rule", "syntax")))
    return found


def expected(checker: str) -> set[tuple[int, str]]:
    lines = enumerate((HERE / "mistakes.py").read_text().splitlines(), 1)
    found = {(n, match[checker]) for n, line in lines if (match := EXPECTED.search(line))}
    return {(n, code) for n, code in found if code != "-"}


@pytest.mark.long("starts type checkers")
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_right_code_has_no_errors_and_the_types_it_claims(checker: str) -> None:
    assert found_by(checker)["users.py"] == set()
    assert found_by(checker)["tasks.py"] == set()


@pytest.mark.long("starts type checkers")
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_every_mistake_is_found_and_nothing_else(checker: str) -> None:
    wanted, found = expected(checker), found_by(checker)["mistakes.py"]

    assert len(wanted) > 10
    assert wanted - found == set()
    assert {line for line, _ in found} - {line for line, _ in wanted} == set()
