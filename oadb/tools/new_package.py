"""The first files of a package with SQL of its own, which run as they are."""

from pathlib import Path

from oadb.tools import skeleton_files
from oadb.tools.package_names import require_free

# The place of each template in the new folder. The folder sql is inside of the package, so that
# a wheel has it without being told.
_PLACES = {
    "package/pyproject.toml": "pyproject.toml",
    "package/README.md": "README.md",
    "package/package.py": "$name/__init__.py",
    "package/py.typed": "$name/py.typed",
    "package/notes.py": "$name/notes.py",
    "package/notes.sql": "$name/sql/queries/notes.sql",
    "package/create.sql": "$name/sql/migrations/0001_create_$name.sql",
    "package/create.rollback.sql": "$name/sql/migrations/0001_create_$name.rollback.sql",
    "package/schema_levels.jsonl": "$name/sql/schema_levels.jsonl",
    "package/conftest.py": "conftest.py",
    "package/test_contract.py": "tests/test_contract.py",
}


def texts(name: str, folder: Path) -> dict[Path, str]:
    """Return the files of a new package with their texts.

    Args:
        name: of the package, its project and its schema.
        folder: where they will be; it need not exist.

    Raises:
        UsageError: a package cannot have this name, or one of the files exists.
    """
    require_free(name)
    remedy = "choose another folder with --folder"
    return skeleton_files.texts(_PLACES, {"name": name}, folder, remedy)
