"""Which tests may notice a mutant: those that enter its function or run its statement."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant
from tests.mutation.recording import digest, file_of

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
    "trading": ["tests/keys/test_rotation.py"],
}  # fmt: skip  # a table


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """A test, and what it ran when nothing was mutated: functions and statements."""

    name: str
    ran: frozenset[str]
    seconds: float


def read(folder: Path, tree: Path) -> list[RecordedTest]:
    """Return the tests as the runs recorded them, if they passed and are the same."""
    return [
        RecordedTest(name, frozenset(each["ran"]), each["seconds"])
        for name, each in records(folder, tree).items()
        if each["passed"] and file_of(name) not in READERS
    ]


def records(folder: Path, tree: Path) -> dict[str, Any]:
    """Return the records of the tests whose file has not changed since."""
    digests = {path.relative_to(tree).as_posix(): digest(path) for path in _files(tree)}
    found: dict[str, Any] = {}
    for record in folder.glob("*.json"):
        read = json.loads(record.read_text())
        for test, each in read["tests"].items():
            is_known = found.get(test, {"passed": False})["passed"]  # by an earlier run
            if digests.get(file_of(test)) == each["digest"] and not is_known:
                found[test] = {**each, "ran": [read["names"][number] for number in each["ran"]]}
    return found


def _files(tree: Path) -> Iterable[Path]:
    return (tree / "tests").rglob("test_*.py")


def tests_of(mutant: Mutant, tests: Iterable[RecordedTest], seconds: float) -> list[str]:
    """Return the tests that may notice a mutant, the likeliest first, as far as the time goes.

    Of a function that no test enters, as it runs at import, and of a statement that none runs,
    these are the tests that enter another one of its module, those of the files that bear its name,
    and then the others of the room: some hold all its classes, such as what they show of those.
    """
    if mutant.kind == "migration":
        return [SCHEMA]
    known = [*tests]
    stem = Path(mutant.path).stem
    running = [each for each in known if mutant.place in each.ran]
    running = running or [
        each
        for each in known
        if _enters(each, f"{mutant.path}:")
        or stem in file_of(each.name)
        or f"/{mutant.room}/" in each.name
    ]
    return _within(sorted(running, key=lambda each: _rank(mutant, each)), seconds)


def _enters(test: RecordedTest, module: str) -> bool:
    return any(name.startswith(module) for name in test.ran)


def _rank(mutant: Mutant, test: RecordedTest) -> tuple[bool, bool, int]:
    """Order those of the module's own name first, then those that run the least beside it."""
    file = file_of(test.name)
    is_own_room = file.startswith(f"tests/{mutant.room}/")
    return (Path(mutant.path).stem not in file, not is_own_room, len(test.ran))


def _within(tests: Iterable[RecordedTest], seconds: float) -> list[str]:
    found: list[str] = []
    for each in tests:
        if found and each.seconds > seconds:
            continue
        found.append(each.name)
        seconds -= each.seconds
    return found


def of_room(tree: Path, room: str) -> list[str]:
    """Return the files of the tests of a room."""
    given = [f"tests/{room}", *ELSEWHERE.get(room, [])]
    found = [path for each in given for path in (tree / each).rglob("test_*.py")]
    found += [tree / each for each in given if (tree / each).is_file()]
    found += (tree / "tests").glob(f"test_{room}*.py")
    return sorted(path.relative_to(tree).as_posix() for path in found)
