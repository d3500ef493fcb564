"""Users who were deleted: what audits say of them is erased later, all but their ids.

A trigger notes who was deleted. A deletion erases nothing of the audits, also not that of a user by
himself: ``oadb maintain`` does, as the owner of the tables, when there was time to read them.
"""

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.validation.argument_rules import Duration, Positive

__all__ = ["erase"]

query = queries(__name__)


@query
def erase(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Erase names, addresses and values of settings of users deleted longer ago; return how many.

    Attempts to sign in and changes of settings stay, with the ids of their users. Security events
    keep what they say until their day expires: a chain of checksums covers them.
    """
    ...


query.complete()
