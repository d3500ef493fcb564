"""Filters of the templates: plain texts become HTML that is escaped, and nothing else."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby

from markupsafe import Markup, escape
from pygments.lexers import (
    get_lexer_by_name,  # pyright: ignore[reportUnknownVariableType]  # its options have no types
)
from pygments.token import Comment, Keyword, Literal, Name, String

_CLASSES = ((Comment, "c"), (Keyword, "k"), (String, "s"), (Literal, "s"), (Name.Variable, "v"))
_LEXERS = {
    "sql": get_lexer_by_name("postgresql", stripnl=False),
    "python": get_lexer_by_name("python", stripnl=False),
}
_SET = "\\set "

_CONTEXT = 3
"""Unchanged lines that a comparison shows around what changed."""

DiffRow = tuple[str, str, str]
"""What a line is (``same``, ``added``, ``removed``, ``changed``, ``gap``), its old and new text."""


def highlight(text: str, language: str) -> Markup:
    """Return code with its keywords, strings and comments marked; of psql, below its settings."""
    if language != "psql":
        return _marked(text, language)
    lines = text.split("\n")
    count = sum(line.startswith(_SET) for line in lines)
    settings = [Markup("<i class=v>{}</i>").format(line) for line in lines[:count]]
    return Markup("\n").join([*settings, _marked("\n".join(lines[count:]), "sql")])


def _marked(text: str, language: str) -> Markup:
    parts: list[str] = []
    found = _LEXERS[language].get_tokens(text)
    for style, group in groupby(_styled(found), lambda each: each[0]):
        escaped = html.escape("".join(value for _, value in group), quote=False)
        parts.append(f"<i class={style}>{escaped}</i>" if style else escaped)
    return Markup("".join(parts).rstrip("\n"))  # noqa: S704  # each part is escaped above


def _styled(found: Iterable[tuple[tuple[str, ...], str]]) -> Iterator[tuple[str, str]]:
    """Yield the class of each token; blanks between two of one class are of it as well."""
    before, blank = "", ""
    for kind, value in found:
        if value.isspace():
            blank += value
            continue
        style = _style(kind)
        if blank:
            yield before if before == style else "", blank
            blank = ""
        yield style, value
        before = style
    yield "", blank


@cache
def _style(kind: tuple[str, ...]) -> str:
    """Return the class of a kind of token, which is a tuple of ever narrower kinds."""
    return next((style for broad, style in _CLASSES if kind[: len(broad)] == broad), "")


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
