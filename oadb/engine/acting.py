"""The identity of a transaction: the statement that restricts it to the rows of one user.

A package provides the query, declared with ``user_id`` as its only parameter; see ``provided``.
"""

from oadb.engine.provided import provided
from oadb.engine.wire import SetupStatement
from oadb.errors import ParameterError


def acting_as(user_id: int) -> SetupStatement:
    """Return the statement that restricts a transaction to the rows of one user.

    Raises:
        ParameterError: an invalid id.
        ConfigError: no package provides the query, or several do.
    """
    if type(user_id) is not int or not 0 < user_id < 2**63:
        raise ParameterError("as_user: user_id must be a whole number from 1")
    return SetupStatement(provided("oadb.identity", "act_as").wire_sql, (str(user_id).encode(),))
