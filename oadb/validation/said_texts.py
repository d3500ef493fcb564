"""What a client, a broker or an exception says, cut and without secrets, as tables can store it.

Each text is cut before it is searched, with a margin, and again after that.
"""

import re

from oadb.engine.binding.sendable_texts import readable
from oadb.security.secret_patterns import MARGIN, hide_secrets, template

# The query that failed, which is in front of an error of the database.
_QUERY = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")


def without_secrets(text: str, longest: int) -> str:
    """Return what somebody says without secrets, at most *longest* characters of it.

    What PostgreSQL cannot hold stays, and is refused when it is sent.
    """
    return hide_secrets(text[: longest + MARGIN])[:longest]


def described(text: str, longest: int) -> str:
    """Return what ``without_secrets`` does, readable for PostgreSQL."""
    return readable(without_secrets(text, longest), longest)


def explained(text: str, longest: int) -> str:
    """Return the template of the text of an error, at most *longest* characters of it."""
    return readable(template(text[: longest + MARGIN]), longest)


def explained_error(error: Exception, longest: int) -> str:
    """Return code, type and template of an error, at most *longest* characters of them.

    The code is the SQLSTATE of an error of the database, after which the name of the query stays;
    others have none.
    """
    code, kind, said = getattr(error, "sqlstate", None), type(error).__name__, str(error)
    if not isinstance(code, str):
        return _joined(longest, kind, explained(said, longest))
    query, colon, rest = said.partition(": ")
    if not colon or not _QUERY.fullmatch(query):
        return _joined(longest, f"{code} {kind}", explained(said, longest))
    return _joined(longest, f"{code} {kind}", query, explained(rest, longest))


def _joined(longest: int, *parts: str) -> str:
    return ": ".join(filter(None, parts))[:longest]
