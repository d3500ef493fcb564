"""The identity of a transaction: the statements that restrict it to the rows of one user.

A package provides the query, declared with the parameters ``user_id`` and ``ip``; see ``provided``.
"""

from oadb.engine.provided import provided
from oadb.engine.wire import SetupStatement
from oadb.errors import ParameterError
from oadb.security.addresses import address


def acting_as(user_id: int, ip: str | None) -> tuple[SetupStatement, ...]:
    """Return the statements that restrict a transaction to the rows of one user.

    Raises:
        ParameterError: an invalid id or address.
        ConfigError: no package provides the query, or several do.
    """
    if type(user_id) is not int or not 0 < user_id < 2**63:
        raise ParameterError("as_user: user_id must be a whole number from 1")
    query = provided("oadb.identity", "act_as")
    check = SetupStatement(query.wire_sql, (str(user_id).encode(), _normal(ip).encode()))
    # SET takes no parameters. It is a statement of its own because Citus sends no other setting to
    # its workers, where the policies are.
    return check, SetupStatement(b"set local oadb.user_id = '%d'" % user_id)


def _normal(ip: str | None) -> str:
    try:
        return "" if ip is None else address(ip)
    except ValueError:
        raise ParameterError("as_user: ip must be an IP address") from None
