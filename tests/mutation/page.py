"""Writes docs/mutation.md: what a run found."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.mutation import listed
from tests.mutation.mutants import Mutant

_HEAD = """# Mutation

How much of oadb its tests hold: one place of the sources is changed at a time, such as `<` to
`<=`, a condition that always holds, a check or an index that is gone, and the tests that run this
place have to fail. `tests/mutation` does it in copies of the tree, no part of CI runs it.

```sh
python -m tests.mutation {command}
```

Run on {date}. A mutant of Python or of a query is tried with those tests of its room that enter its
function or run its statement; a migration with the comparison of `sql/schema.sql` alone. One that
hangs is noticed by the limit: {seconds} s for a test.

{table}
Those that change nothing that a caller could see are listed with the reason in
`tests/mutation/equivalent.toml`; those in `tests/mutation/named.toml` are tried in each run of
their room.
"""


def write(root: Path, table: str, unnoticed: Iterable[Mutant], command: str, seconds: int) -> None:
    """Write the page."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    text = _HEAD.format(command=command, date=today, table=table, seconds=seconds)
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
