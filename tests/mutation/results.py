"""The results of a run, in a file, and the page that shows them."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.running import Result

KINDS = ("python", "sql", "migration")
NOTICED = {"killed", "hung"}


def read(path: Path) -> dict[str, Result]:
    """Return the last result of each mutant by its identity."""
    lines = path.read_text().splitlines() if path.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return {each.identity: each for each in results}


def add(path: Path, result: Result) -> None:
    """Append a result."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def table(
    tried: Iterable[Mutant], results: Mapping[str, Result], equivalent: Collection[str]
) -> str:
    """Return the table of the rooms, in Markdown; *equivalent* are identities."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for each in tried:
        outcome = "equivalent" if each.identity in equivalent else _outcome(each, results)
        for room in (each.room, "all"):
            counts[room][outcome] += 1
            counts[room][each.kind] += 1
    rooms = sorted(counts, key=lambda room: (room == "all", room))
    heads = ["Python", "queries", "migrations", "noticed", "hung", "survived", "equivalent", "%"]
    head = f"| room | {' | '.join(heads)} |"
    rule = "| --- |" + " ---: |" * len(heads)
    return "\n".join([head, rule, *(_row(room, counts[room]) for room in rooms)]) + "\n"


def _outcome(mutant: Mutant, results: Mapping[str, Result]) -> str:
    result = results.get(mutant.identity)
    return "untried" if result is None else result.outcome


def _row(room: str, count: Counter[str]) -> str:
    noticed = sum(count[outcome] for outcome in NOTICED)
    survived = count["survived"] + count["untested"]
    share = f"{100 * noticed / (noticed + survived):.0f}" if noticed + survived else ""
    kinds = " | ".join(str(count[kind]) for kind in KINDS)
    cells = f"{noticed} | {count['hung']} | {survived} | {count['equivalent']} | {share}"
    return f"| {room} | {kinds} | {cells} |"


def survivors(mutants: Iterable[Mutant], results: Mapping[str, Result]) -> list[Mutant]:
    """Return the mutants that no test noticed."""
    return [each for each in mutants if _outcome(each, results) in {"survived", "untested"}]


def shown(mutants: Iterable[Mutant]) -> str:
    """Return the changes of mutants, to be read."""
    return "\n".join(
        f"{each.title} ({each.inside})\n- {each.before}\n+ {each.after}" for each in mutants
    )
