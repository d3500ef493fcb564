"""Docstrings of this project as reStructuredText: their sections become lists of fields."""

import re
from collections.abc import Iterator
from itertools import groupby
from textwrap import dedent, indent

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):\n", re.MULTILINE)
_ITEM = re.compile(r"^(?P<names>[*\w., ]+?): (?P<text>.*(?:\n(?: .*)?$)*)", re.MULTILINE)
_SHOWN = {"Returns": "returns", "Yields": "yields"}


def split(text: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the sections of a docstring, and each section by its name.

    Args:
        text: as ``inspect.getdoc`` returns it.
    """
    before, *parts = _SECTION.split(text)
    return before.strip(), {
        name: dedent(section).strip() for name, section in zip(parts[::2], parts[1::2], strict=True)
    }


def items(section: str) -> Iterator[tuple[str, str]]:
    """Yield the names of a section with what it says of them, in one line each."""
    for found in _ITEM.finditer(section):
        yield found["names"], " ".join(found["text"].split())


def fields(text: str) -> str:
    """Return a docstring as reStructuredText; the attributes of a class are left out."""
    before, sections = split(text)
    lines = [f":param {name}: {said}" for name, said in items(sections.get("Args", ""))]
    lines += [
        f":{_SHOWN[name]}: {' '.join(section.split())}"
        for name, section in sections.items()
        if name in _SHOWN
    ]
    lines += [f":raises {name}: {said}" for name, said in items(sections.get("Raises", ""))]
    return "\n\n".join(filter(None, (prose(before), "\n".join(lines))))


def prose(text: str) -> str:
    """Return paragraphs with those that are Python, or a tree of lines, as blocks of code."""
    parts = []
    for language, paragraphs in groupby(text.split("\n\n"), _language):
        part = "\n\n".join(paragraphs)
        block = f".. code-block:: {language}\n\n{indent(dedent(part), '   ')}"
        parts.append(block if language else part)
    return "\n\n".join(parts)


def _language(paragraph: str) -> str:
    if paragraph.startswith("    "):
        return "python"
    return "text" if "──" in paragraph else ""
