"""The identity of a transaction: the statements that restrict it to the rows of one user.

A package provides the query, declared with ``user_id`` as its only parameter; see ``provided``.
"""

import psycopg

from oadb.engine.provided import provided
from oadb.engine.wire import SetupStatement
from oadb.errors import ParameterError
from oadb.security.addresses import address

_SET_ADDRESS = b"select set_config('oadb.client_ip', $1, true)"


def acting_as(user_id: int, ip: str | None) -> tuple[SetupStatement, ...]:
    """Return the statements that restrict a transaction to the rows of one user.

    Args:
        ip: the address of the client, for the audit.

    Raises:
        ParameterError: an invalid id or address.
        ConfigError: no package provides the query, or several do.
    """
    if type(user_id) is not int or not 0 < user_id < 2**63:
        raise ParameterError("as_user: user_id must be a whole number from 1")
    act_as = provided("oadb.identity", "act_as").wire_sql
    check = SetupStatement(act_as, (b"%d" % user_id,), is_repeated=True)
    # SET takes no parameters. It is a statement of its own because Citus sends no other setting to
    # its workers, where the policies are.
    identity = SetupStatement(b"set local oadb.user_id = '%d'" % user_id)
    if ip is None:
        return check, identity
    said = SetupStatement(_SET_ADDRESS, (_normal(ip).encode(),), is_repeated=True)
    return check, identity, said


def in_block(identity: tuple[SetupStatement, ...]) -> tuple[SetupStatement, ...]:
    """Return the statements of an identity for a transaction block: behind BEGIN.

    The setting comes first: by it the check knows that this is a block, in which Citus sends it on.
    """
    return (*identity[1:2], *identity[:1], *identity[2:])


def needs_block(error: psycopg.Error) -> bool:
    """Say whether the check has refused an identity outside of a transaction block."""
    return error.sqlstate == "OAB01"


def _normal(ip: str) -> str:
    try:
        return address(ip)
    except ValueError:
        raise ParameterError("as_user: ip must be an IP address") from None
