"""Faults that are planted, and the tests in which a tool finds them: the tables of docs/planted.md.

    python -m tests.support.planted_table > docs/planted.md

A test, or a case of a parametrized one, says what it plants with
``@pytest.mark.planted("scan", "the index of a column is dropped")``. pytest collects them, as CI
chooses tests: one that CI does not run is not in the table.
"""

from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/tools"
_MARK = "pytest.mark.planted"

KINDS = {
    "index": ("An index that no plan uses any more", "oadb unused"),
    "scan": ("A plan that turns into a scan", "oadb plan --check"),
    "migration": ("An unsafe migration", "oadb migrate --dry-run"),
    "release": ("An incompatible release", "oadb compat --base"),
    "grant": ("A grant too many", "oadb grants --check"),
    "form": ("A form that a cluster refuses", "oadb check"),
}
"""The kinds of faults: what each is called, and the command that finds it."""


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A fault, and the test that plants it and expects it to be found."""

    kind: str
    what: str
    test: str


class _Collected:
    def __init__(self) -> None:
        self.faults: list[PlantedFault] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for mark in item.iter_markers("planted"):
                kind, what = mark.args
                test = item.name.partition("[")[0]
                self.faults.append(PlantedFault(kind, what, test))


def collected() -> list[PlantedFault]:
    """Return the faults that CI plants, in the order of the tests."""
    files = [str(file) for file in sorted(FOLDER.rglob("test_*.py")) if _MARK in file.read_text()]
    found = _Collected()
    chosen = ["-m", "not slow", "--collect-only", "-n", "0", "-p", "no:cacheprovider", "--quiet"]
    with redirect_stdout(StringIO()) as told:
        status = pytest.main([*chosen, "--rootdir", str(ROOT), *files], plugins=[found])
    if status != pytest.ExitCode.OK:
        raise SystemExit(told.getvalue())
    return found.faults


def document(faults: Sequence[PlantedFault]) -> str:
    """Return the text of docs/planted.md."""
    lines = [
        "# Planted faults",
        "",
        f"{len(faults)} faults that tests plant, and the command that finds each. CI runs all of",
        "these tests, and this page is made from them:",
        "`python -m tests.support.planted_table > docs/planted.md`.",
    ]
    for kind, (title, command) in KINDS.items():
        own = [each for each in faults if each.kind == kind]
        lines += ["", f"## {title}", "", f"`{command}` finds {len(own)} of {len(own)}.", ""]
        lines += _rows(own)
    return "\n".join(lines) + "\n"


def _rows(faults: Sequence[PlantedFault]) -> Iterator[str]:
    yield "| planted | test |"
    yield "| --- | --- |"
    yield from (f"| {each.what} | `{each.test}` |" for each in faults)


if __name__ == "__main__":
    print(document(collected()), end="")
