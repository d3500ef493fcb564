"""A small package in a git repository with two releases: what is planted between them, by case."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = "set local lock_timeout = '4s';\n"

MODULE = '''"""Declarations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from oadb import Affected, queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    note: str | None


@dataclass(frozen=True, slots=True)
class Code:
    id: int
    code: str


@dataclass(frozen=True, slots=True)
class Kind:
    kind: Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Mood:
    mood: Literal["good", "bad"]
'''

_CASE = re.compile(
    r"^-- case: (?P<title>.+)\n(?P<schema>(?:.*\n)+?)-- declared: (?P<declared>.+)\n"
    r"(?P<statement>(?:.*\n)+?)-- migration\n(?P<migration>(?:(?!-- told|-- case).*\n)+)"
    r"(?:-- told: (?P<told>.+)\n)?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A change, and the statement of the old release that it may break."""

    title: str
    schema: str
    declared: str
    statement: str
    migration: str
    told: str | None

    @property
    def name(self) -> str:
        """The name of the statement."""
        return self.declared.partition("(")[0]


def cases(text: str) -> list[Case]:
    """Return the cases of a file."""
    return [Case(**found.groupdict()) for found in _CASE.finditer(text)]


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a package at a release; *uses* is the text of ``sql/uses.toml``."""

    migrations: Sequence[str]
    declared: Mapping[str, str] = field(default_factory=dict[str, str])
    uses: str = ""


class Releases:
    """A git repository with a package whose SQL is beside it."""

    def __init__(self, folder: Path, package: str) -> None:
        self.folder, self.package = folder, package
        folder.mkdir(parents=True)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        """Run git in the repository, as somebody, without anybody's settings."""
        settings = ("user.name=x", "user.email=x@example.in", "commit.gpgsign=false")
        command = ["git", *(word for each in settings for word in ("-c", each)), *arguments]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, source: Source) -> None:
        """Write the files of a release; the last one is the one of today."""
        for name in (self.package, "sql"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        module = self.folder / self.package / "cases.py"
        migrations, queries = self.folder / "sql/migrations", self.folder / "sql/queries"
        for folder in (module.parent, migrations, queries):
            folder.mkdir(parents=True, exist_ok=True)
        (module.parent / "__init__.py").write_text("")
        (module.parent / "py.typed").write_text("")
        before = ""
        for number, text in enumerate(source.migrations, 1):
            name = f"{number:04}_change_{self.package}"
            (migrations / f"{name}.sql").write_text(f"{before}{LIMIT}{text}")
            (migrations / f"{name}.rollback.sql").write_text(f"{LIMIT}select 1;\n")
            before = f"-- depends: {name}\n"
        if source.uses:
            (self.folder / "sql/uses.toml").write_text(source.uses)
        if not source.declared:
            return
        bodies = [f"@query\ndef {declared}: ...\n" for declared in source.declared]
        module.write_text("\n\n".join([MODULE, *bodies, "query.complete()\n"]))
        texts = [
            f"-- name: {declared.partition('(')[0]}\n{statement}"
            for declared, statement in source.declared.items()
        ]
        (queries / "cases.sql").write_text("\n".join(texts))

    def release(self, source: Source, tag: str) -> None:
        """Write the files of a release, and commit and tag them."""
        self.write(source)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag)
        self.git("tag", tag)
