"""Which names a new package may have: it is imported, installed, and a schema is called so."""

import re
import sys
from collections.abc import Callable
from keyword import iskeyword
from pathlib import Path

from oadb.tools.usage import UsageError

# A name for Python, for package indexes, for PostgreSQL without quotes, and in that of a migration.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 63  # PostgreSQL cuts longer ones

# The words of PostgreSQL 18 by which no schema can be called without quotes, except those that are
# keywords of Python as well.
_RESERVED = frozenset({
    "all", "analyse", "analyze", "any", "array", "asc", "asymmetric", "authorization",
    "binary", "both", "case", "cast", "check", "collate", "collation", "column",
    "concurrently", "constraint", "create", "cross", "current_catalog", "current_date",
    "current_role", "current_schema", "current_time", "current_timestamp", "current_user",
    "default", "deferrable", "desc", "distinct", "do", "end", "false", "fetch", "foreign",
    "freeze", "full", "grant", "group", "having", "ilike", "initially", "inner",
    "intersect", "into", "isnull", "join", "lateral", "leading", "left", "like", "limit",
    "localtime", "localtimestamp", "natural", "notnull", "null", "offset", "on", "only",
    "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right",
    "select", "session_user", "similar", "some", "symmetric", "system_user", "table",
    "tablesample", "then", "to", "trailing", "true", "union", "unique", "user", "using",
    "variadic", "verbose", "when", "where", "window",
})  # fmt: skip  # a list


# What the packages and services that are written here need, installed or not.
_NEEDED = frozenset({
    "fastapi", "flask", "gunicorn", "hatchling", "httpx2", "mypy", "prometheus_client", "psycopg",
    "pydantic", "pyright", "pytest", "ruff", "starlette", "uvicorn", "werkzeug",
})  # fmt: skip  # a list


def require_free(name: str) -> None:
    """Check the name of a new package.

    Raises:
        UsageError: it cannot have this name; says why, and what to do.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"a package cannot be called {name!r}: its name is up to {_LONGEST} lower-case "
            "letters, digits, and single underscores between them, and begins with a letter; "
            "choose one like my_shop"
        )
    reason = next((reason for is_taken, reason in _TAKEN if is_taken(name)), None)
    if reason is not None:
        raise UsageError(
            f"a package cannot be called {name}: that is {reason}; choose another name, such as "
            f"my_{name}"
        )


def current_folder() -> Path:
    """Return the current folder.

    Raises:
        UsageError: it was deleted.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder was deleted; change to one that exists") from None


def _is_installed(name: str) -> bool:
    """Say whether a module can be imported, and not only from the current folder."""
    here = current_folder()
    elsewhere = [path for path in sys.path if Path(path).resolve() != here]
    return any(finder.find_spec(name, elsewhere) is not None for finder in sys.meta_path)


_TAKEN: tuple[tuple[Callable[[str], bool], str], ...] = (
    ("oadb".__eq__, "oadb itself"),
    (iskeyword, "a keyword of Python"),
    (sys.stdlib_module_names.__contains__, "a module of Python's standard library"),
    (_RESERVED.__contains__, "a reserved word of SQL, and its schema would be called so"),
    (lambda name: name.startswith("pg_"), "for PostgreSQL's own schemas"),
    ({"public", "information_schema"}.__contains__, "a schema that every database has"),
    ({"tests", "conftest"}.__contains__, "what its tests are called"),
    ({"build", "dist"}.__contains__, "where builds are put"),
    (_is_installed, "an installed module"),
    (_NEEDED.__contains__, "a library that it may need"),
)
