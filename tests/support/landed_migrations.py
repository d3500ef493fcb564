"""The checksums of landed migrations in ``sql/migrations.sum``: an edit of one fails a test.

``python -m tests.support.landed_migrations`` adds lines of new migrations, and changes none.
"""

import hashlib
import sys
from pathlib import Path

from oadb.tools.migrations import script_folder
from tests.support.migrations import MIGRATIONS, REPOSITORY

LIST = REPOSITORY / "sql" / "migrations.sum"


def checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of each file: of a migration, as databases keep it."""
    found: dict[str, str] = {}
    for migration in script_folder.read(folder):
        found[f"{migration.id}.sql"] = migration.checksum.hex()
        rollback = hashlib.sha256(migration.rollback.text.encode())
        found[f"{migration.id}.rollback.sql"] = rollback.hexdigest()
    return found


def listed(text: str) -> dict[str, str]:
    """Return the checksums of a list, by file."""
    lines = (line.split() for line in text.splitlines())
    return {name: checksum for checksum, name in lines}


def faults(folder: Path, text: str) -> list[str]:
    """Return each difference between the files and a list, one line each."""
    found, known = checksums(folder), listed(text)
    return [
        *(
            f"{name} was edited after it had landed: restore it, and write a new migration"
            for name, checksum in found.items()
            if known.get(name, checksum) != checksum
        ),
        *(f"{name} landed, and is gone: restore it" for name in known if name not in found),
        *(
            f"{name} is not listed: run python -m tests.support.landed_migrations"
            for name in found
            if name not in known
        ),
    ]


def add(folder: Path, path: Path) -> list[str]:
    """Add the files that are not listed, and return their names."""
    text = path.read_text()
    known = listed(text)
    new = {name: each for name, each in checksums(folder).items() if name not in known}
    path.write_text(text + "".join(f"{each}  {name}\n" for name, each in new.items()))
    return [*new]


if __name__ == "__main__":
    for added in add(MIGRATIONS, LIST):
        print(f"added {added}")
    problems = faults(MIGRATIONS, LIST.read_text())
    sys.exit("\n".join(problems) or None)
