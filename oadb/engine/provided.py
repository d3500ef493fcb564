"""What packages provide to the engine, which knows no table, by entry points.

oadb.identity, act_as    the query that restricts a transaction to the rows of one user
oadb.proof, prove        the operation that checks whether the key ring fits the database
"""

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from oadb.errors import ConfigError


@cache
def provided(group: str, name: str) -> Any:
    """Return what exactly one installed package provides.

    Raises:
        ConfigError: no package provides it, or several do.
    """
    named = [*entry_points(group=group, name=name)]
    if len(named) != 1:
        packages = ", ".join(sorted(each.value for each in named)) or "no package"
        raise ConfigError(
            f"the entry point {name} of {group} is provided by {packages}; exactly one must "
            "provide it: reinstall oadb, or uninstall the others"
        )
    return named[0].load()
