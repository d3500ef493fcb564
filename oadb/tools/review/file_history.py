"""The commits that changed each statement and each migration, from one run of ``git log``.

Git names, for each changed place, the last line above it that begins a statement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from oadb.tools.review import git_repository

_HEADING = r"^-- name: *([^ ]+)"
_FORMAT = "--format=%x00%h%x09%as%x09%s"
_OPTIONS = ("log", "--no-color", "--no-ext-diff", "--no-merges", "-U0", "-p", _FORMAT)
_PLACE = re.compile(r"@@ [-+,\d ]+ @@ ?(.*)")
_CHANGED_HEADING = re.compile(r"[-+]-- name: *(\S+)")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit that changed something; *day* is an ISO date."""

    commit: str
    day: str
    subject: str


Key = tuple[str, str]
"""The name of a file without folders, and a statement in it; empty for the file itself."""


def read(root: Path, folder: Path) -> dict[Key, list[Revision]]:
    """Return the commits of each SQL file in a folder and of each statement, newest first.

    A file that was moved keeps its history: it is known by its name alone.
    """
    with NamedTemporaryFile("w", suffix=".gitattributes") as attributes:
        attributes.write("*.sql diff=oadbsql\n")
        attributes.flush()
        settings = [
            *("-c", f"core.attributesFile={attributes.name}"),
            *("-c", f"diff.oadbsql.xfuncname={_HEADING}"),
            *("-c", "core.quotePath=off"),
        ]
        text = git_repository.log_of(root, [*settings, *_OPTIONS], [folder])
    found: dict[Key, list[Revision]] = {}
    for commit in text.split("\0")[1:]:
        head, _, diff = commit.partition("\n")
        revision = Revision(*head.split("\t", 2))
        for key in dict.fromkeys(_changed(diff)):
            found.setdefault(key, []).append(revision)
    return found


def _changed(diff: str) -> Iterator[Key]:
    """Yield the files that a diff changes, and the statements in them."""
    name, is_inside = "", False
    for line in diff.splitlines():
        if line.startswith("diff --git "):
            name, is_inside = line.rpartition("/")[2], False
            yield name, ""
        elif place := _PLACE.match(line):
            is_inside = True
            yield name, place[1].strip()
        elif is_inside and (heading := _CHANGED_HEADING.match(line)):
            yield name, heading[1]
