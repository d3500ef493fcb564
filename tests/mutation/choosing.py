"""Which tests may notice a mutant: those that enter its function or run its statement."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant
from tests.mutation.recording import digest

SCHEMA = "tests/test_schema.py"

# They read the sources as texts, or compare plans: what they notice is no behaviour.
READERS = {
    "tests/test_contract.py", "tests/test_contract_nullability.py", "tests/test_docs.py",
    "tests/test_house.py", "tests/test_house_statements.py", "tests/test_served_by.py",
    "tests/test_public_api.py",
}  # fmt: skip  # a table


# Tests of a room in other folders, as far as they are not run by chance.
ELSEWHERE = {
    "accounts": [
        "tests/attacks", "tests/keys/test_rotation.py", "tests/keys/test_token_owners.py",
        "tests/tools/test_cli_users.py",
    ],
    "bans": ["tests/tools/test_cli_bans.py", "tests/tools/test_maintenance.py"],
    "engine": [
        "tests/test_arguments.py", "tests/test_constraint_errors.py", "tests/test_identities.py",
        "tests/test_wrong_calls.py",
    ],
    "keys": [
        "tests/accounts/test_security_events.py", "tests/tools/test_key_rotation.py",
        "tests/tools/test_key_rotation_old_ring.py",
    ],
    "logs": ["tests/tools/test_maintenance.py", "tests/tools/test_retention.py"],
    "security": [
        "tests/accounts/test_password_defects.py", "tests/attacks/test_guessable_passwords.py",
        "tests/attacks/test_shown_secrets.py", "tests/attacks/test_weak_key_rings.py",
        "tests/keys/test_token_owners.py", "tests/logs/test_redaction.py",
    ],
}  # fmt: skip  # a table


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file of tests, and what it ran when nothing was mutated."""

    path: str
    functions: frozenset[str]
    statements: frozenset[str]
    seconds: float

    def runs(self, mutant: Mutant) -> bool:
        names = self.statements if mutant.kind == "sql" else self.functions
        return mutant.place in names


def read(folder: Path, tree: Path) -> list[TestFile]:
    """Return the files of tests as the runs recorded them, if they passed and are the same."""
    return [
        TestFile(path, frozenset(each["functions"]), frozenset(each["statements"]), each["seconds"])
        for path, each in records(folder, tree).items()
        if each["passed"] and path not in READERS
    ]


def records(folder: Path, tree: Path) -> dict[str, Any]:
    """Return the records of the files of tests that have not changed since."""
    return {
        path: each
        for record in folder.glob("*.json")
        for path, each in json.loads(record.read_text()).items()
        if (tree / path).exists() and digest(tree / path) == each.get("digest")
    }


def tests_of(mutant: Mutant, files: Iterable[TestFile], seconds: float) -> list[str]:
    """Return the files that may notice a mutant, the likeliest first, as far as the time goes.

    Of a function that no file enters, as it runs at import, and of a statement that none runs,
    these are the files that bear the name of the module, and then the others of the room: some hold
    all its classes, such as what they show of themselves.
    """
    if mutant.kind == "migration":
        return [SCHEMA]
    known = {each.path: each for each in files}
    running = [each for each in known.values() if each.runs(mutant)]
    stem = Path(mutant.path).stem
    of_room = f"/{mutant.room}/"
    running = running or [
        each for each in known.values() if stem in each.path or of_room in each.path
    ]
    return _within(sorted(running, key=lambda each: _rank(mutant, each)), seconds)


def _rank(mutant: Mutant, file: TestFile) -> tuple[bool, bool, int]:
    """Order the file of the module's own name first, then those that run the least beside it."""
    stem = Path(mutant.path).stem
    is_own_room = file.path.startswith(f"tests/{mutant.room}/")
    return (stem not in file.path, not is_own_room, len(file.functions))


def _within(files: Iterable[TestFile], seconds: float) -> list[str]:
    found: list[str] = []
    for each in files:
        if found and each.seconds > seconds:
            continue
        found.append(each.path)
        seconds -= each.seconds
    return found


def of_room(tree: Path, room: str) -> list[str]:
    """Return the files of the tests of a room."""
    given = [f"tests/{room}", *ELSEWHERE.get(room, [])]
    found = [path for each in given for path in (tree / each).rglob("test_*.py")]
    found += [tree / each for each in given if (tree / each).is_file()]
    found += (tree / "tests").glob(f"test_{room}*.py")
    return sorted(path.relative_to(tree).as_posix() for path in found)
