"""What a client, a broker or an exception says, cut and without secrets, as tables can store it.

Each text is cut before it is searched, with a margin, and again after that.
"""

import re
from itertools import count

from oadb.engine.binding.sendable_texts import readable
from oadb.errors import Error
from oadb.security.secret_patterns import MARGIN, hide_secrets, template

# Where a broker's file is wrong, or damaged: it looks like a name and a value.
_PLACE = re.compile(
    r"(?<![^\n ])[\w-][\w .-]{0,99}\.(?:csv|json|gz|txt|zip)(?::[0-9]+)?: (?:not (?:CSV|JSON): )?"
)
_STAND_IN = re.compile("at place ([0-9]+) ")

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
    others have none. Of oadb's own errors, which may quote a cell of a file, the text stays without
    secrets, behind the place in the file.
    """
    code, kind, said = getattr(error, "sqlstate", None), type(error).__name__, str(error)
    if not isinstance(code, str):
        if isinstance(error, Error):
            return readable(_without_secrets_at_places(said[: longest + MARGIN]), longest)
        return _joined(longest, kind, explained(said, longest))
    query, colon, rest = said.partition(": ")
    if not colon or not _QUERY.fullmatch(query):
        return _joined(longest, f"{code} {kind}", explained(said, longest))
    return _joined(longest, f"{code} {kind}", query, explained(rest, longest))


def _without_secrets_at_places(text: str) -> str:
    """Hide secrets of a text, whose places in files stay."""
    places, numbers = _PLACE.findall(text), count()
    hidden = hide_secrets(_PLACE.sub(lambda _: f"at place {next(numbers)} ", text))
    return _STAND_IN.sub(lambda found: "".join(places[int(found[1]) :][:1]), hidden)


def _joined(longest: int, *parts: str) -> str:
    return ": ".join(filter(None, parts))[:longest]
