"""The reference of the Python API as reStructuredText: a page for each module, from docstrings."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from itertools import groupby
from operator import attrgetter
from textwrap import indent
from typing import Literal, get_origin

from sphinx.pycode import ModuleAnalyzer

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.operations import Operation
from oadb.engine.binding.queries import Described
from tests.support import public_api
from tests.support.doc_site import class_entries, docstring_fields, sql_pages
from tests.support.public_api import PublicName

_INDEX = """\
Python API
==========

Every public name, by module, from its docstring and its signature.

Queries and operations take an executor first, shown as ``db``: a :py:class:`oadb.Database`, a
transaction of it, or their asynchronous counterparts, over which a call returns a coroutine. A
query also takes a :py:class:`oadb.Batch`. Times have a time zone; durations are
``datetime.timedelta``; a float is in the unit of its name. Functions are called through their
module: ``from oadb.accounts import users``, then ``users.get(db, 7)``.
:doc:`The statements </sql/index>` behind them have pages of their own.

.. list-table::
   :widths: auto

{rows}

.. toctree::
   :hidden:
   :titlesonly:

{pages}   /sql/index

"""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path of each page below the root of the site, and its text."""
    modules = public_api.modules()
    rows = "".join(
        f"   * - :doc:`{module} <{module}>`\n     - {_summary(module)}\n" for module in modules
    )
    listed = "".join(f"   {module.removeprefix('oadb.')} <{module}>\n" for module in modules)
    yield "reference/index.rst", _INDEX.format(rows=rows, pages=listed)
    for module, names in groupby(public_api.names(), attrgetter("module")):
        yield f"reference/{module}.rst", page(module, names)


def page(module: str, names: Iterable[PublicName]) -> str:
    """Return the page of a module."""
    about = docstring_fields.prose(inspect.getdoc(import_module(module)) or "")
    head = f"{module}\n{'=' * len(module)}\n\n.. py:module:: {module}\n\n{about}"
    # Functions, then classes, then constants, each in the order of the alphabet.
    ordered = sorted(
        names, key=lambda each: (not each.is_function, not inspect.isclass(each.value))
    )
    return _linked("\n\n".join([head, *map(entry, ordered)]) + "\n", module)


def _linked(text: str, module: str) -> str:
    """Let the names of functions and classes in a text lead to their entries."""

    def link(found: "re.Match[str]") -> str:
        label = _labels().get(found[1]) or _labels().get(f"{module}.{found[1]}")
        return f":py:obj:`{found[1]} <{label}>`" if label else found[0]

    return re.sub(r"``([a-zA-Z_.]+)``", link, text)


@cache
def _labels() -> dict[str, str]:
    """Return the labels of public names, by these and by ``users.create``, if one alone has it."""
    named = [each for each in public_api.names() if each.is_function or inspect.isclass(each.value)]
    short = Counter(_short(each) for each in named)
    found = {_short(each): each.label for each in named if short[_short(each)] == 1}
    return found | {each.label: each.label for each in named}


def _short(each: PublicName) -> str:
    return f"{each.module.rpartition('.')[2]}.{each.name}"


def entry(each: PublicName) -> str:
    """Return the entry of a public name."""
    value = each.value
    if each.is_function:
        return _function(each)
    if inspect.isclass(value):
        return class_entries.entry(each)
    said = _comment(each)
    if get_origin(value) is Literal:
        shown = public_api.annotation(repr(value))
        return _directive("py:type", each.name, f":canonical: {shown}", said)
    line = public_api.described(each)[0].partition(" = ")[2]
    return _directive("py:data", each.name, f":value: {line}" if line else "", said)


def _function(each: PublicName) -> str:
    value = each.value
    # Of a declaration, the function of its module: itself also has the limits of its statement.
    documented = value._function if isinstance(value, Declaration | Operation) else value
    said = docstring_fields.fields(inspect.getdoc(documented) or "")
    if isinstance(value, Described):
        said = "\n\n".join((said, sql_pages.fields(value.describe())))
    signature = class_entries.shown(value)
    return _directive("py:function", f"{each.name}{signature}", "", said)


def _directive(kind: str, name: str, option: str, text: str) -> str:
    head = f".. {kind}:: {name}\n" + (f"   {option}\n" if option else "")
    return f"{head}\n{indent(text, '   ')}"


def _summary(module: str) -> str:
    """Return the first sentence of a module in one line."""
    text = (inspect.getdoc(import_module(module)) or "").partition("\n\n")[0]
    return " ".join(text.split())


def _comment(each: PublicName) -> str:
    """Return the text below the assignment of a name, wherever it is imported from."""
    for module in (each.module, *public_api.homes(each)):
        found = _comments(module).get(("", each.name))
        if found:
            return "\n".join(found).strip()
    raise ValueError(f"{each.label}: no text below its assignment says what it is")


@cache
def _comments(module: str) -> dict[tuple[str, str], list[str]]:
    return ModuleAnalyzer.for_module(module).find_attr_docs()
