"""Filters of the templates: plain texts become HTML that is escaped, and nothing else."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from markupsafe import Markup, escape

_CONTEXT = 3
"""Unchanged lines that a comparison shows around what changed."""

DiffRow = tuple[str, str, str]
"""What a line is (``same``, ``added``, ``removed``, ``changed``, ``gap``), its old and new text."""


def prose(text: str) -> Markup:
    """Return a comment as paragraphs: its line ends are those of the file alone."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return Markup().join(Markup("<p>{}</p>").format(each) for each in paragraphs)


def breakable(name: str) -> Markup:
    """Return a name that may break behind dots and underscores."""
    parts = (escape(part) for part in re.split(r"(?<=[._])", name))
    return Markup("<wbr>").join(parts)


def count(number: float) -> str:
    """Return a number as people read it: 1,000,000."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.3g}"


def power(number: int) -> str:
    """Return a power of ten, which scales are: 10⁶."""
    digits = str(len(str(number)) - 1)
    return f"10{digits.translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def side_by_side(old: str, new: str) -> Iterator[DiffRow]:
    """Yield the lines of two texts beside each other; unchanged parts are left out."""
    before, after = old.splitlines(), new.splitlines()
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        if group[0][1] > 0:
            yield "gap", "⋯", "⋯"
        for tag, start, end, new_start, new_end in group:
            yield from _rows(tag, before[start:end], after[new_start:new_end])


def _rows(tag: str, old: Sequence[str], new: Sequence[str]) -> Iterator[DiffRow]:
    if tag == "equal":
        yield from (("same", line, line) for line in old)
        return
    for number in range(max(len(old), len(new))):
        left = old[number] if number < len(old) else ""
        right = new[number] if number < len(new) else ""
        is_both = number < len(old) and number < len(new)
        yield ("changed" if is_both else "removed" if number < len(old) else "added"), left, right
