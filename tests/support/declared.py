"""The package's own statements and modules, by the short names that labels have."""

from importlib import import_module
from types import ModuleType

from oadb.engine.binding import statements
from oadb.engine.binding.statements import Statement

PLACES = {place.rpartition("/")[2]: place for place in statements.places()}
"""Where the SQL of a module is: ``accounts/users`` for ``users``."""


def module(name: str) -> ModuleType:
    """Return the module that declares the queries of a label: ``users`` for ``users.get``."""
    return import_module(f"oadb.{PLACES[name].replace('/', '.')}")


def statement(label: str) -> Statement:
    """Return a statement by its label: ``users.get``."""
    name, _, query = label.partition(".")
    return statements.load(PLACES[name])[query]
