"""How a Citus cluster takes each statement: the tables of docs/cluster-statements.md.

    python tests/benchmarks/cluster_statements.py URL > ANSWERS
    python -m tests.support.cluster_page ANSWERS > docs/cluster-statements.md

URL is that of a database of oadb that is distributed. Why a statement may ask several shards stands
in its comment, as ``-- fan-out: why``.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from oadb.engine.binding.packages import find
from oadb.tools.plans import named_statements

PAGE = Path(__file__).parents[2] / "docs/cluster-statements.md"

_REASON = re.compile(r"^fan-out: (\S.*(?:\n(?!\w[\w ()]*: |Served ).+)*)", re.MULTILINE)

_HEADING = """\
# Statements on a cluster

How Citus takes each statement of oadb, in the layout of [docs/scale.md](scale.md#layout). Asked on
{date} of Citus 13.2.2 on PostgreSQL 15, with a coordinator and two workers, by

```text
python tests/benchmarks/cluster_statements.py postgresql://postgres@coordinator/trading > ANSWERS
python -m tests.support.cluster_page ANSWERS > docs/cluster-statements.md
```

- **local**: it reads and writes tables of the coordinator alone, or none.
- **router**: one shard answers, whatever the number of shards.
- **copied**: it writes rows that it makes itself, and the coordinator sends each to its shard.
- **fan-out**: all shards are asked; the reason says why that is right.
- **utility**: a command that is not planned, such as LOCK, or COPY from a client.

A statement with variants has one row for all of them. What the layout keeps back on the coordinator
for now is local. Of {statements} statements,
{counts}; one whose
variants differ counts for each.
"""


def page(answers: Mapping[str, str], date: str) -> Iterator[str]:
    """Yield the lines of the page.

    Args:
        answers: the kind of each statement and variant, by its label.
        date: when the cluster was asked.
    """
    files = by_file()
    kinds = {name: kinds_of(name, answers) for names in files.values() for name in names}
    known = ("local", "router", "copied", "fan-out", "utility")
    counts = {kind: sum(kind in of for of in kinds.values()) for kind in known}
    said = ", ".join(f"{number} are {kind}" for kind, number in counts.items() if number)
    yield _HEADING.format(date=date, statements=len(kinds), counts=said)
    for file, names in files.items():
        yield f"## {file}\n"
        yield "| statement | how | why several shards |\n| --- | --- | --- |"
        for name, why in names.items():
            yield f"| `{name}` | {told(name, answers)} | {why} |"
        yield ""


def by_file() -> dict[str, dict[str, str]]:
    """Return the reason of each statement, empty without one, by query file and name."""
    found: dict[str, dict[str, str]] = {}
    for each in named_statements.every([find("oadb")]):
        names = found.setdefault(each.place, {})
        name = each.statement.label.partition(" ")[0]
        names[name] = reason(each.statement.statement.doc)
    return found


def reason(comment: str) -> str:
    """Return why a statement may ask several shards, as its comment says; empty: it does not."""
    found = _REASON.search(comment)
    return "" if found is None else " ".join(found[1].split())


def kinds_of(name: str, answers: Mapping[str, str]) -> set[str]:
    """Return the kinds of a statement's variants."""
    return {kind for label, kind in answers.items() if label.partition(" ")[0] == name}


def told(name: str, answers: Mapping[str, str]) -> str:
    """Return how a statement is taken; where variants differ, by which parameter.

    Raises:
        ValueError: the cluster was not asked, or no single parameter decides.
    """
    of = {label: kind for label, kind in answers.items() if label.partition(" ")[0] == name}
    if len({*of.values()}) == 1:
        return next(iter(of.values()))
    terms = {term for label in of for term in label.split()[1:]}
    for term in sorted(terms):
        given = {kind for label, kind in of.items() if term in label.split()}
        others = {kind for label, kind in of.items() if term not in label.split()}
        if len(given) == len(others) == 1:
            return f"{given.pop()} with `{term.removeprefix('+')}`, else {others.pop()}"
    raise ValueError(f"{name} is taken in ways that no parameter explains: {of}")


def read(lines: Iterable[str]) -> dict[str, str]:
    """Return the kind of each label from what cluster_statements.py prints."""
    words = (line.rstrip("\n").partition(" ") for line in lines if line[:1].isalpha())
    return {rest.strip(): kind for kind, _, rest in words}


if __name__ == "__main__":
    asked = Path(sys.argv[1])
    day = datetime.fromtimestamp(asked.stat().st_mtime, UTC)
    print(*page(read(asked.read_text().splitlines()), f"{day:%-d %B %Y}"), sep="\n", end="")
