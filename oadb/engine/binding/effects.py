"""Whether a statement only reads, and whether it may be run again when its answer is lost."""

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


def is_read(statement: Statement) -> bool:
    """Say whether a statement changes nothing."""
    words = statement.words
    if _READS.isdisjoint(words[:1]) or _WRITING.search(statement.doc):
        return False
    return _WRITES.isdisjoint(words)


def is_repeatable(statement: Statement) -> bool:
    """Say whether a statement may be run again when its answer is lost."""
    return is_read(statement) or bool(_REPEATABLE.search(statement.doc))
