"""A Python prompt with an open database and the functions of all packages."""

import code
from collections.abc import Sequence
from importlib import import_module

from oadb.engine.binding.packages import Package
from oadb.engine.database import Database


def run(db: Database, address: str, packages: Sequence[Package]) -> None:
    """Read and run lines until the end of the input; ``db`` and the modules are names in it.

    Args:
        address: of the database, to show.
    """
    names = _modules(packages)
    banner = f"db is {address}; modules: {', '.join(sorted(names))}"
    try:
        import_module("readline")  # which edits lines and remembers them, where it exists
    except ImportError:
        banner += "\n(lines cannot be edited here)"
    code.interact(banner=banner, local={"db": db, **names}, exitmsg="")


def _modules(packages: Sequence[Package]) -> dict[str, object]:
    """Return the modules that declare queries, by name; of two, the one of the later package.

    Those of tools are for the commands.
    """
    return {
        module.rpartition(".")[2]: import_module(module)
        for package in packages
        for module in map(package.module_of, package.places())
        if not module.startswith(f"{package.name}.tools.")
    }
