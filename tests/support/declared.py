"""oadb's own statements and modules, by the module names that labels begin with."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from oadb.engine.binding import statements
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.engine.binding.statements import Statement

ROOT = Path(__file__).parents[2]
OADB = find("oadb")

PLACES = {place.rpartition("/")[2]: place for place in OADB.places()}
"""The place of each module: ``accounts/users`` for ``users``."""


# The subjects may have modules that only call statements of another one.
MODULES = sorted({*PLACES} | {path.stem for path in ROOT.glob("oadb/trading/[!_]*.py")})
"""The modules with public functions on tables."""


def module(name: str) -> ModuleType:
    """Return the module of a name: ``oadb.accounts.users`` for ``users``."""
    (path,) = ROOT.glob(f"oadb/**/{name}.py")  # no two modules share a name
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def statement(label: str) -> Statement:
    """Return a statement by its label: ``users.get``."""
    name, _, query = label.partition(".")
    return statements.load(OADB, PLACES[name])[query]


def declaration(label: str) -> Declaration:
    """Return a declaration, or a variant of one, by its label: ``api_logs.list_calls +user_id``."""
    found = (
        each
        for declared in module(label.partition(".")[0]).query
        for each in declared.variants.values() or [declared]
        if each.label == label
    )
    return next(found)
