"""Reads a folder of migrations, and checks all of it before anything runs.

0001_create_schema.sql             the change
0001_create_schema.rollback.sql    undoes it
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources.abc import Traversable
from types import MappingProxyType

from oadb.engine.binding.statements import Problem
from oadb.errors import MigrationError
from oadb.tools.migrations import rules
from oadb.tools.migrations.scripts import Script

_NAME = re.compile(r"(?P<id>(?P<number>\d{4})_[a-z]+(?:_[a-z0-9]+)+)(?P<rollback>\.rollback)?\.sql")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of the schema and its rollback.

    Attributes:
        package: The name of the package that it belongs to.
        depends: The ids that it says it depends on.
        checksum: The SHA-256 of the change, without its directive ``depends``.
        full_checksum: The same with the directive, which runs recorded earlier.
    """

    package: str
    id: str
    script: Script
    rollback: Script
    transactional: bool
    depends: tuple[str, ...]
    checksum: bytes
    full_checksum: bytes

    @property
    def checksums(self) -> frozenset[bytes]:
        """Those of which a record of the unchanged file has one."""
        return frozenset({self.checksum, self.full_checksum})


def read(
    folder: Traversable,
    package: str = "oadb",
    others: Mapping[str, str] = MappingProxyType({}),
    passed: frozenset[str] = frozenset(),
) -> list[Migration]:
    """Read the migrations of a package in the order of their numbers.

    Args:
        others: the migrations of other packages, by id, with the names of their packages.
        passed: the SHA-256, in hexadecimal, of files whose text passed the rules before, of a
            migration without its directive ``depends``. The rules take most of the time of a read.

    Raises:
        MigrationError: lists every problem with file, line and what to do.
    """
    reader = _FolderReader(folder, package, others, passed)
    migrations = reader.read()
    if reader.problems:
        count = len(reader.problems)
        heading = f"{count} problem{'s'[: count > 1]} in {folder}; nothing was run"
        raise MigrationError("\n".join([heading, *map(str, reader.problems)]))
    return migrations


def ids(folder: Traversable) -> list[str]:
    """Return the ids of the migrations in a folder, by the names of its files."""
    names = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(found["id"] for found in names if found and not found["rollback"])


# Splitting scripts takes most of the time of a read, and a rollback reads the folder twice: to
# plan, and to do what was planned.
_cached_script = lru_cache(maxsize=256)(Script)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class _FolderReader:
    """Reads a folder and collects all problems."""

    def __init__(
        self, folder: Traversable, package: str, others: Mapping[str, str], passed: frozenset[str]
    ) -> None:
        self.problems: list[Problem] = []
        self._folder = folder
        self._package = package
        self._others = others
        self._passed = passed

    def read(self) -> list[Migration]:
        paths = self._paths()
        names = [match for path in paths if (match := _NAME.fullmatch(path.name))]
        rollbacks = {match["id"] for match in names if match["rollback"]}
        ids = [match["id"] for match in names if not match["rollback"]]
        self._check_numbers(ids)
        self._check_pairs(ids, rollbacks)
        self._check_others(ids)
        pairs = (self._migration(id_, ids[:n]) for n, id_ in enumerate(ids) if id_ in rollbacks)
        return [migration for migration in pairs if migration is not None]

    def _paths(self) -> list[Traversable]:
        """Return the files; report any that is neither a migration nor a rollback."""
        paths = [*self._folder.iterdir()] if self._folder.is_dir() else []
        paths.sort(key=lambda path: path.name)
        if not paths:
            missing = "is empty" if self._folder.is_dir() else "does not exist"
            self._report(self._folder, f"the folder {missing}", "restore the migrations")
        for path in paths:
            if not path.is_file() or not _NAME.fullmatch(path.name):
                self._report(
                    path,
                    "neither a migration nor a rollback",
                    "remove it, or name it like 0002_create_users.sql: number, verb, noun",
                )
        return [path for path in paths if path.is_file()]

    def _check_numbers(self, ids: Sequence[str]) -> None:
        numbers = Counter(int(id_[:4]) for id_ in ids)
        for id_ in ids:
            number = int(id_[:4])
            path = self._path(id_)
            if number == 0:
                self._report(path, "numbers begin with 0001", "renumber it")
            elif numbers[number] > 1:
                self._report(path, f"the number {id_[:4]} is used twice", "renumber the later one")
            elif number > 1 and number - 1 not in numbers:
                self._report(
                    path, f"there is no migration {number - 1:04}", "renumber it, without a gap"
                )

    def _check_pairs(self, ids: Sequence[str], rollbacks: set[str]) -> None:
        for id_ in ids:
            if id_ not in rollbacks:
                self._report(
                    self._path(id_),
                    "the migration has no rollback; yoyo would undo nothing and forget it",
                    f"write {id_}.rollback.sql",
                )
        for id_ in sorted(rollbacks.difference(ids)):
            self._report(
                self._path(f"{id_}.rollback"),
                f"a rollback without a migration: {id_}.sql does not exist",
                "remove or rename it",
            )

    def _check_others(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            if id_ in self._others:
                self._report(
                    self._path(id_),
                    f"the package {self._others[id_]} has a migration of this name, and yoyo keeps "
                    "one record of both",
                    "give it and its rollback another name, or the other if this one is applied",
                )

    def _migration(self, id_: str, earlier: Sequence[str]) -> Migration | None:
        script = self._script(self._path(id_))
        rollback = self._script(self._path(f"{id_}.rollback"))
        if script is None or rollback is None:
            return None
        transactional = rules.is_transactional(script)
        previous = earlier[-1] if earlier else None
        checksum = _digest(rules.without_dependencies(script))
        self.problems += rules.check_order(script, {*earlier, *self._others}, previous)
        if not {checksum.hex(), _digest(rollback.text).hex()} <= self._passed:
            self.problems += rules.check(script)
            self.problems += rules.check_rollback(rollback, transactional=transactional)
        return Migration(
            package=self._package,
            id=id_,
            script=script,
            rollback=rollback,
            transactional=transactional,
            depends=rules.dependencies(script),
            checksum=checksum,
            full_checksum=_digest(script.text),
        )

    def _script(self, path: Traversable) -> Script | None:
        content = path.read_bytes()
        if content.startswith(_BYTE_ORDER_MARK):
            self._report(
                path, "the file begins with a byte order mark", "save it as UTF-8 without one"
            )
            return None
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self._report(path, "not UTF-8", "save the file as UTF-8", line=line)
            return None
        return _cached_script(path.name, text.replace("\r\n", "\n").replace("\r", "\n"))

    def _path(self, stem: str) -> Traversable:
        return self._folder / f"{stem}.sql"

    def _report(self, path: Traversable, message: str, hint: str, *, line: int = 1) -> None:
        lines = path.read_bytes().splitlines() if path.is_file() else []
        source = lines[line - 1].decode(errors="replace") if len(lines) >= line else ""
        self.problems.append(Problem(path.name, line, source, message, hint))
