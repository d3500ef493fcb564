"""What is sent around a note: on a Citus cluster an identity needs a transaction block."""

from oadb.accounts import sessions
from oadb.engine.acting import acting_as, in_block
from oadb.engine.binding.guards import COMMIT
from oadb.engine.pool.note_blocks import by_itself
from oadb.engine.pool.note_writer import Note
from oadb.engine.wire import Begin


def test_a_note_under_an_identity_is_a_transaction_block_and_one_without_is_none() -> None:
    own = Note(sessions._note_seen, (), "key", acting_as(7, None))
    before, after = by_itself(own, [])
    inside = Note(own.query, own.values, own.key, in_block(own.identity))

    assert isinstance(before[0], Begin)
    assert before[1].sql == b"set local oadb.user_id = '7'"
    assert before[-1] == sessions._note_seen.guards.setup
    assert after == (COMMIT,)
    assert by_itself(inside, []) == (before, after)
    assert by_itself(Note(sessions._note_seen, (), "key"), []) == ([], None)
