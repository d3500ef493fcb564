"""What is sent around a note, in the same round trip."""

from collections.abc import Iterable
from typing import Any

from oadb.engine.acting import in_block
from oadb.engine.binding.guards import COMMIT
from oadb.engine.wire import Begin, SetupStatement

_BEGIN = Begin(b"begin")


def by_itself(
    note: Any, limits: Iterable[SetupStatement]
) -> tuple[list[SetupStatement], tuple[SetupStatement, ...] | None]:
    """Return what is sent before and after a note; None: what its guards ask for.

    An identity is sent in a transaction block, without which Citus does not take it.
    """
    guards = note.query.guards
    if not note.identity or note.query.special == "copy" or guards.is_alone:
        return [*limits, *note.identity], None
    # That of a transaction is in the order of a block already.
    begun = note.identity[0].sql.startswith(b"set local")
    identity = note.identity if begun else in_block(note.identity)
    return [_BEGIN, *limits, *identity, *guards.setups], (COMMIT,)
