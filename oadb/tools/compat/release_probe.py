"""Tells the declarations of packages, and compares them with databases, for another process.

Run as a program with the code of another release first on its path, all that is imported here is of
that release: two versions of a package cannot be imported in one process. It therefore uses no more
of oadb than the contract check and what declarations are made of, and no module of this folder.

    python -P release_probe.py shop:sql     one line of JSON with what is declared, and then
    postgresql:///?host=/tmp/x&dbname=y     for each line that it reads, one with what disagrees

A line is ``{"error": text}`` where that could not be done.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package, find
from oadb.engine.config import Config
from oadb.tools.contract import comparison


class ToldStatement(TypedDict):
    """A statement as it is sent, and what of its declaration the schema can contradict.

    ``optional`` says of each parameter in the order of the numbers whether it may be None;
    ``choices`` has the members of each column of the result that is a Literal of texts.
    """

    label: str
    place: str
    path: str
    line: int
    sql: str
    optional: list[bool]
    choices: dict[str, list[str]]


class ToldRelease(TypedDict):
    """Where packages were imported from, and their statements."""

    imported: dict[str, str]
    folders: dict[str, str]
    statements: list[ToldStatement]


def told(packages: Iterable[Package]) -> Iterator[ToldStatement]:
    """Yield each statement that packages declare, with its variants.

    Raises:
        DeclarationError: files and declarations disagree, or a module cannot be imported.
    """
    for package in packages:
        for declared in (each for found in comparison.declarations(package) for each in found):
            for form in declared.forms if declared.variants else (declared, *declared.forms):
                yield _told(form)


def _told(declared: Declaration) -> ToldStatement:
    statement = declared.statement
    fields = {name: kind for name, kind in declared.result.fields.items() if kind is not None}
    return ToldStatement(
        label=declared.label,
        place=declared.place,
        path=statement.path,
        line=statement.line,
        sql=statement.sql.decode(),
        optional=[kind.optional for kind in declared.parameters.values()],
        choices={
            name: [str(choice) for choice in kind.choices]
            for name, kind in fields.items()
            if kind.choices
        },
    )


def _release(packages: Sequence[Package]) -> ToldRelease:
    return ToldRelease(
        imported={each.name: str(sys.modules[each.name].__file__) for each in packages},
        folders={each.name: str(each.sql) for each in packages},
        statements=[*told(packages)],
    )


def _answer(questions: Iterable[str], names: Sequence[str]) -> Iterator[object]:
    packages = [find(name, folder) for name, _, folder in (each.partition(":") for each in names)]
    yield _release(packages)
    for url in questions:
        yield [*comparison.check(Config.from_env({"DATABASE_URL": url.strip()}), packages)]


def main(names: Sequence[str]) -> None:
    """Answer each line of stdin by one on stdout; what modules print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        for answer in _answer(sys.stdin, names):
            print(json.dumps(answer), file=answers, flush=True)
    except Exception as error:  # noqa: BLE001  # of another release, told to the one that asked
        text = f"{type(error).__name__}: {error}"
        print(json.dumps({"error": text}), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
