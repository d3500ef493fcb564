"""Packages: where the SQL of a module is.

    shop/orders.py    shop/sql/queries/orders.sql, inside of the package, as in a wheel
                      or sql/queries/orders.sql, beside the package, as in a checkout

The folder ``sql`` has the folders ``queries`` and ``migrations``. The file of the package's own
module is ``__init__.sql``. A module that is in no package,
such as a script, has its folder beside it.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import ModuleType

from oadb.errors import DeclarationError

FOLDER = "sql"
"""The usual name of the folder with the SQL of a package."""

# The query file of a package's top-level module.
_TOP = "__init__"

_found: dict[tuple[str, str], "Package"] = {}


@dataclass(frozen=True, slots=True)
class Package:
    """A package with SQL.

    Attributes:
        name: The name of its top-level module.
        sql: Its folder with ``queries`` and ``migrations``; may be in a zip file.
        shown: How errors name this folder: ``sql``, or ``shop/sql`` if it is inside of the package.
        is_module: Whether it is a single module in no package, such as a script.
    """

    name: str
    sql: Traversable
    shown: str
    is_module: bool = False

    def places(self) -> list[str]:
        """Return the places of all query files, such as ``accounts/users``, in order."""
        return sorted(_places_in(self.sql / "queries"))

    def module_of(self, place: str) -> str:
        """Return the name of the module that declares the queries of a place."""
        module = f"{self.name}.{place.replace('/', '.')}"
        return self.name if place == _TOP or self.is_module else module

    def query_file(self, place: str) -> tuple[Traversable, str]:
        """Return the query file of a place, and how errors name it."""
        path = f"queries/{place}.sql"
        return self.sql.joinpath(*path.split("/")), f"{self.shown}/{path}"


@cache
def find(name: str, folder: str = FOLDER) -> Package:
    """Return the package with the top-level module *name*, which is imported if it is not yet.

    Args:
        folder: the name of the folder with its SQL.

    Raises:
        DeclarationError: there is no such folder.
        ImportError: there is no such package.
    """
    for sql, shown in _candidates(name, folder):
        if (sql / "queries").is_dir() or (sql / "migrations").is_dir():
            package = Package(name, sql, shown, not hasattr(_module(name), "__path__"))
            _found[name, folder] = package
            return package
    raise DeclarationError(
        f"{name} has no SQL: neither {name}/{folder}/queries nor {folder}/queries beside {name} "
        f"exists; create one of them, or name another folder: queries(__name__, folder=...)"
    )


def found() -> list[Package]:
    """Return the packages that were found so far."""
    return [*_found.values()]


def locate(module: str, folder: str = FOLDER) -> tuple[Package, str]:
    """Return the package of a module and the place of its query file.

    Args:
        module: its ``__name__``.

    Raises:
        DeclarationError: its package has no such folder.
    """
    name = _name_of_main() if module == "__main__" else module
    if name is None:
        raise DeclarationError(f"{module} has no file beside which its SQL could be")
    top, _, rest = name.partition(".")
    package = find(top, folder)
    return package, rest.replace(".", "/") or (top if package.is_module else _TOP)


def _name_of_main() -> str | None:
    """Return the name of the module that is run, as if it were imported; None if it has none."""
    main = sys.modules["__main__"]
    if main.__spec__ is not None:
        return main.__spec__.name
    file: str | None = getattr(main, "__file__", None)
    return None if file is None else Path(file).stem


def _candidates(name: str, folder: str) -> Iterator[tuple[Traversable, str]]:
    """Yield the folders where the SQL of a package may be, the first one first."""
    module = _module(name)
    paths: list[str] | None = getattr(module, "__path__", None)
    if paths is None:
        yield _file_of(module).parent / folder, folder
        return
    yield files(name) / folder, f"{name}/{folder}"
    for beside in (Path(path).resolve().parent for path in paths):
        yield beside / folder, folder
        if beside.name == "src":
            yield beside.parent / folder, folder


def _module(name: str) -> ModuleType:
    """Return a top-level module, which may be the one that is run."""
    if name not in sys.modules and name == _name_of_main():
        return sys.modules["__main__"]
    return import_module(name)


def _file_of(module: ModuleType) -> Path:
    return Path(str(module.__file__)).resolve()


def _places_in(folder: Traversable, prefix: str = "") -> Iterator[str]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _places_in(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".sql"):
            yield prefix + entry.name.removesuffix(".sql")
