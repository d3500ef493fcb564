"""What a statement changes: whether it may be run again, and whether a replica may run it."""

import re

from oadb.engine.binding.statements import Statement

# A read begins with a word of _READS and has no word of _WRITES. The functions among them change
# something although a SELECT calls them; the contract check looks for more.
_READS = frozenset({"select", "values", "table", "with"})
_WRITES = frozenset(
    {
        "delete",
        "insert",
        "into",
        "merge",
        "update",
        "nextval",
        "pg_cancel_backend",
        "pg_notify",
        "pg_terminate_backend",
        "set_config",
        "setval",
        "pg_advisory_lock",
        "pg_advisory_unlock",
        "pg_advisory_xact_lock",
        "pg_try_advisory_lock",
        "pg_try_advisory_xact_lock",
    }
)

# A SELECT whose functions write says so in its comment, with what writes.
_WRITING = re.compile(r"^writes: \S", re.MULTILINE)

# An idempotent write says so in its comment, with the reason; as a read, it is run again when its
# answer is lost.
_REPEATABLE = re.compile(r"^repeatable: \S", re.MULTILINE)


# A read that decides who may do what, or that must see what others have just written, says so in
# its comment, with the reason: it runs on the primary.
_ON_PRIMARY = re.compile(r"^primary: +(\S.*)", re.MULTILINE)

# What a replica runs although it is no read: settings of its own session.
_OF_SESSION = frozenset({"set_config"})

# What a replica refuses of a SELECT that changes nothing: the locks of rows.
_LOCKS = re.compile(r"\bfor (key )?share\b")


def is_read(statement: Statement) -> bool:
    """Say whether a statement changes nothing."""
    words = statement.words
    if _READS.isdisjoint(words[:1]) or _WRITING.search(statement.doc):
        return False
    return _WRITES.isdisjoint(words)


def is_repeatable(statement: Statement) -> bool:
    """Say whether a statement may be run again when its answer is lost."""
    return is_read(statement) or bool(_REPEATABLE.search(statement.doc))


def misplacement(statement: Statement) -> str:
    """Return why a statement must not be run on a replica, or nothing if it may be.

    A COPY ... TO may run on one, and what sets nothing but settings of its own session.
    """
    words, named = {*statement.words}, _ON_PRIMARY.search(statement.doc)
    if named is not None:
        return f"it stays on the primary ({named[1]})"
    if statement.words[:1] == ("copy",):
        reads = "stdin" not in words
    else:
        reads = not _READS.isdisjoint(statement.words[:1])
    changes = words & (_WRITES - _OF_SESSION) or _WRITING.search(statement.doc)
    if not reads or changes:
        return "it writes"
    return "it locks rows" if _LOCKS.search(" ".join(statement.words)) else ""
