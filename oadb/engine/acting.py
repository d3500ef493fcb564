"""Whose rows a statement sees: the statement that makes a transaction one user's.

The engine knows no table. A package names the query, declared with ``user_id`` as its only
parameter, by the entry point ``act_as`` in the group ``oadb.identity``.
"""

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from oadb.engine.wire import SetupStatement
from oadb.errors import ConfigError, ParameterError


def acting_as(user_id: int) -> SetupStatement:
    """Return the statement that makes a transaction that of one user.

    Raises ParameterError for an invalid id, and ConfigError unless exactly one package says how.
    """
    if type(user_id) is not int or not 0 < user_id < 2**63:
        raise ParameterError("as_user: user_id must be a whole number from 1")
    return SetupStatement(_query().sql, (str(user_id).encode(),))


@cache
def _query() -> Any:
    named = [*entry_points(group="oadb.identity", name="act_as")]
    if len(named) != 1:
        packages = ", ".join(sorted(each.value for each in named)) or "no package"
        raise ConfigError(
            f"as_user: the entry point act_as of oadb.identity is given by {packages}; "
            "install oadb anew, and no second package that gives it"
        )
    return named[0].load()
