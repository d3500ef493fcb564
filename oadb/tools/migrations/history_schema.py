"""The schema in which yoyo's record of migrations stands, if OADB_HISTORY_SCHEMA names one."""

import os
import re

from oadb.engine.single_connection import SingleConnection
from oadb.errors import ConfigError, MigrationError
from oadb.tools.migrations import migration_history as history

_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


def named() -> str | None:
    """Return its name; None: the first schema of search_path, which is public by default.

    Raises:
        ConfigError: it is not a name that needs no quotes.
    """
    name = os.environ.get("OADB_HISTORY_SCHEMA", "").strip()
    if name and not _NAME.fullmatch(name):
        raise ConfigError(
            "OADB_HISTORY_SCHEMA: expected the name of a schema, of small letters, digits and _"
        )
    return name or None


def require(session: SingleConnection) -> None:
    """Check that search_path leads to a schema.

    Raises:
        MigrationError: it leads to none.
    """
    if history.find_current_schema(session) is not None:
        return
    name = named()
    if name is None:
        raise MigrationError(
            "nothing was run: search_path leads to no schema for yoyo's record\n"
            "    hint: name one that exists in OADB_HISTORY_SCHEMA, or put one into search_path"
        )
    raise MigrationError(
        f"nothing was run: there is no schema {name}, which OADB_HISTORY_SCHEMA names, or this "
        f"role may not use it\n    hint: as a role that may: create schema {name};"
    )
