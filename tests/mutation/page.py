"""Writes docs/mutation.md: what a run found."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.mutation import listed
from tests.mutation.mutants import Mutant

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
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    text = _HEAD.format(seed=seed, date=today, table=table, seconds=seconds)
    lines = [
        f"| `{each.path}:{each.line}` | `{_cell(each.before)}` | `{_cell(each.after)}` |"
        for each in unnoticed
    ]
    if lines:
        head = ["\n## Survivors\n", "| where | line | becomes |", "| --- | --- | --- |"]
        text += "\n".join([*head, *lines]) + "\n"
    (root / "docs" / "mutation.md").write_text(text)


def _cell(text: str) -> str:
    return listed.squeezed(text).replace("|", "\\|")
