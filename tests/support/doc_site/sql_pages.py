"""The statements of the public modules as pages, to which the reference links."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import indent

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.descriptions import QueryDescription
from tests.support import public_api

_ROOT = Path(__file__).resolve().parents[3]
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

_INDEX = """\
SQL statements
==============

The statements behind the public modules, as a DBA reviews them and as they are sent;
``oadb review`` writes a book of them with their plans. Names that begin with an underscore are
private to their module.

"""


def fields(description: QueryDescription) -> str:
    """Return what the SQL says of a query, as a list of fields."""
    place = f"{description.path}:{description.line}"
    kind = "a read" if description.is_read else "a write"
    lines = [f":SQL: :ref:`{place} <{_label(description)}>`, {kind}"]
    if description.guards:
        lines.append(f":Limits: {', '.join(f'``{each}``' for each in description.guards)}")
    return "\n".join(lines)


def _label(description: QueryDescription) -> str:
    return f"{description.path}:{description.label.rpartition('.')[2]}".lower()


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path of each page below the root of the site, and its text."""
    files = sorted({path for module in public_api.modules() for path in _files(module)})
    names = "".join(f"- :doc:`{path} <{_place(path)}>`\n" for path in files)
    yield "sql/index.rst", f"{_INDEX}{names}"
    for path in files:
        yield f"sql/{_place(path)}.rst", page(path)


def page(path: str) -> str:
    """Return the page of an SQL file, with a heading for each of its statements."""
    about, *parts = _NAME.split((_ROOT / path).read_text())
    head = " ".join(line.removeprefix("-- ") for line in about.strip().splitlines())
    title = f"{_place(path)}.sql"
    found = [
        f".. _{path}:{name}:\n\n{name}\n{'-' * len(name)}\n\n.. code-block:: postgresql\n\n"
        + indent(f"-- name: {name}{text.rstrip()}", "   ")
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    return "\n\n".join([f":orphan:\n\n{title}\n{'=' * len(title)}\n\n{head}", *found]) + "\n"


def _place(path: str) -> str:
    return path.removeprefix("sql/queries/").removesuffix(".sql")


def _files(module: str) -> Iterator[str]:
    for value in vars(import_module(module)).values():
        if isinstance(value, Declaration) and value.__module__ == module:
            yield value.statement.path
