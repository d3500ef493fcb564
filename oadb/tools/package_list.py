"""Which packages with SQL the commands work on: oadb, and those of the services beside it.

In this order, the first that names any:

    --package shop            a command's option; can be given several times
    OADB_PACKAGES=oadb,shop   the environment
    [tool.oadb]               packages = ["oadb", "shop"], in the pyproject.toml of the current
                              folder or one above; its folder, and src in it, can be imported from
    entry points              of the group oadb.packages, of installed packages: shop = "shop";
                              oadb is always one of them

``shop:database`` names a package whose folder with SQL is called ``database`` instead of ``sql``.
"""

import os
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from oadb.engine.binding.packages import FOLDER, Package, find
from oadb.errors import ConfigError, DeclarationError

_GROUP = "oadb.packages"


def chosen(names: Sequence[str] = ()) -> list[Package]:
    """Return the packages to work on, those with *names* if there are any.

    Raises:
        ConfigError: a package is named or declared twice, cannot be imported, or has no SQL.
    """
    listed = _from_project()  # first: what is named otherwise is imported from there too
    wanted = [*names] or _from_environment() or listed or _installed()
    packages = [_package(name) for name in wanted]
    for number, package in enumerate(packages):
        if package.name in {earlier.name for earlier in packages[:number]}:
            raise ConfigError(f"the package {package.name} is named twice in {', '.join(wanted)}")
    return packages


def _package(named: str) -> Package:
    name, _, folder = named.partition(":")
    try:
        return find(name, folder or FOLDER)
    except (ImportError, DeclarationError) as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001  # of a service's own package
        fault = f"its import raised {type(error).__name__}: {error}"
    raise ConfigError(f"the package {name} cannot be used: {fault}; its name is from {_SOURCES}")


_SOURCES = f"--package, OADB_PACKAGES, [tool.oadb] or an entry point of {_GROUP}"


def _from_environment() -> list[str]:
    return [name.strip() for name in os.environ.get("OADB_PACKAGES", "").split(",") if name.strip()]


def _from_project() -> list[str]:
    """Read the nearest pyproject.toml that has a table for oadb."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            names = _listed(file)
            if names:
                sys.path[:0] = _missing((str(folder), str(folder / "src")))
            return names
    return []


def _listed(file: Path) -> list[str]:
    """Return ``packages`` of ``[tool.oadb]``.

    Raises:
        ConfigError: the file is not valid, or ``packages`` is not a list of names.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    tools = cast("dict[str, dict[str, object]]", content.get("tool", {}))
    names = tools.get("oadb", {}).get("packages", [])
    if not isinstance(names, list):
        raise ConfigError(f'{file}: [tool.oadb] packages must be a list of names: ["oadb", "shop"]')
    return [str(name) for name in cast("list[object]", names)]


def _missing(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path not in sys.path and Path(path).is_dir()]


def _installed() -> list[str]:
    """Return oadb, and the names of other packages that are installed.

    Raises:
        ConfigError: two distributions declare the same package, of which one hides the other.
    """
    makers: dict[str, set[str]] = {}
    for each in entry_points(group=_GROUP):
        makers.setdefault(each.value, set()).add(each.dist.name if each.dist else "")
    for name, found in makers.items():
        if len(found) > 1:
            raise ConfigError(
                f"the package {name} is declared by {' and '.join(sorted(found))}, of which one "
                "hides the other: uninstall one of them"
            )
    return ["oadb", *sorted({*makers} - {"oadb"})]
