"""Writes docs/mutation.md: what a run found, beside what it says of rooms that were not tried."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.mutation import listed
from tests.mutation.mutants import Mutant, room_of

_HEAD = """# Mutation

How much of oadb its tests hold. One place of the sources is changed at a time: `<` becomes `<=`, a
condition holds for every row, a statement, a check or an index is gone. The tests that run this
place must fail then. `tests/mutation` does it in copies of the tree; no part of CI runs it.

Run until {date} by `python -m tests.mutation --seed {seed} --rooms ROOM --sample N`, a room at a
time, and again for what survived. A mutant of Python or of a query is tried with those tests of its
room that enter its function or run its statement, a migration with the comparison of
[`sql/schema.sql`](../sql/schema.sql) alone. A mutant that hangs is noticed by the time limit of a
test, {seconds} s: it is counted as noticed, and as hung. Rooms that the table lacks were not tried.

{table}
What a caller cannot notice is listed with a reason in `tests/mutation/equivalent.toml`, and counted
in no percentage. The mutants of `tests/mutation/named.toml`, which survived at an earlier state of
oadb, are tried in each run of their room.
"""


def write(root: Path, table: str, unnoticed: Iterable[Mutant], seed: int, seconds: int) -> None:
    """Write the page."""
    page = root / "docs" / "mutation.md"
    before = page.read_text() if page.exists() else ""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    text = _HEAD.format(seed=seed, date=today, table=merged(before, table), seconds=seconds)
    lines = [
        f"| `{each.path}:{each.line}` | `{_cell(each.before)}` | `{_cell(each.after)}` |"
        for each in unnoticed
    ]
    lines = sorted([*lines, *_kept_survivors(before, _rows(table))])
    if lines:
        head = ["\n## Survivors\n", "| where | line | becomes |", "| --- | --- | --- |"]
        text += "\n".join([*head, *lines]) + "\n"
    page.write_text(text)


def merged(page: str, table: str) -> str:
    """Return a table with the rows of a page of rooms that it lacks, and the sum of all."""
    head = table.splitlines()[:2]
    rows = {**_rows(page), **_rows(table)}
    rows.pop("all", None)
    # The last number is a share.
    sums = [sum(column) for column in zip(*rows.values(), strict=True)][:-1]
    noticed, survived = sums[3], sums[5]
    rows["all"] = [*sums, round(100 * noticed / (noticed + survived))]
    lines = [
        f"| {room} | {' | '.join(map(str, rows[room]))} |" for room in sorted(rows, key=_place)
    ]
    return "\n".join([*head, *lines]) + "\n"


def _place(room: str) -> tuple[bool, str]:
    return room == "all", room


def _rows(text: str) -> dict[str, list[int]]:
    """Return the numbers of the rows of a table, by room."""
    found = re.findall(r"^\| ([a-z_]+) ((?:\| \d+ ){8})\|$", text, re.MULTILINE)
    return {room: [*map(int, re.findall(r"\d+", numbers))] for room, numbers in found}


def _kept_survivors(page: str, tried: Collection[str]) -> list[str]:
    """Return the lines of a page about survivors in rooms that were not tried again."""
    found = re.findall(r"^\| `([^`:]+):.*$", page, re.MULTILINE)
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    pairs = zip(found, lines, strict=True)
    return [line for path, line in pairs if room_of(path) not in tried]


def _cell(text: str) -> str:
    return listed.squeezed(text).replace("|", "\\|")
