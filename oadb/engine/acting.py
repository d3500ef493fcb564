"""The identity of a transaction: the statement that restricts it to the rows of one user.

The engine knows no table. A package provides the query, declared with ``user_id`` as its only
parameter, by the entry point ``act_as`` in the group ``oadb.identity``.
"""

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from oadb.engine.wire import SetupStatement
from oadb.errors import ConfigError, ParameterError


def acting_as(user_id: int) -> SetupStatement:
    """Return the statement that restricts a transaction to the rows of one user.

    Raises:
        ParameterError: an invalid id.
        ConfigError: no package provides the query, or several do.
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
            f"as_user: the entry point act_as of oadb.identity is provided by {packages}; "
            "exactly one must provide it: reinstall oadb, or uninstall the others"
        )
    return named[0].load()
