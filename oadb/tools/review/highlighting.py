"""Code as HTML, with its keywords, strings and comments marked.

Of SQL, the tokens are those of the engine's lexer, and pygments says of each word whether it is a
keyword: its own lexer tries hundreds of words at each place, which takes seconds of a book.
"""

import html
import keyword
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from markupsafe import Markup
from pygments.lexers import (
    get_lexer_by_name,  # pyright: ignore[reportUnknownVariableType]  # its options have no types
)
from pygments.token import Keyword

from oadb.engine.binding.lexer import Kind, tokens

Styled = tuple[str, str]
"""The class of a piece of code, empty for most of it, and its text."""

_SET = "\\set "

_STYLES: dict[Kind, str] = {
    "comment": "c",
    "string": "s",
    "quoted": "s",
    "number": "s",
    "placeholder": "v",
    "positional": "v",
}

# A body of a function, or of DO, between dollars.
_BODY = re.compile(r"(\$\w*\$)(.*\n.*)(\$\w*\$)", re.DOTALL)

_POSTGRESQL = get_lexer_by_name("plpgsql")

_PYTHON = re.compile(
    rf"""
      (?P<c> \#[^\n]* )
    | (?P<s> (?<!\w) [bfruBFRU]{{0,2}} (?: (?P<long>'''|\"\"\") .*? (?P=long)
                               | (?P<quote>['"]) (?: \\. | (?!(?P=quote))[^\n\\] )* (?P=quote) )
           | (?<![\w.]) \d[\w.]* )
    | \b (?P<k> {"|".join(keyword.kwlist)} ) \b
    """,
    re.VERBOSE | re.DOTALL,
)


def highlight(text: str, language: str) -> Markup:
    """Return code with its keywords, strings and comments marked; of psql, below its settings."""
    if language == "python":
        return _marked(_styled_python(text))
    if language == "sql":
        return _marked(_styled_sql(text))
    lines = text.split("\n")
    count = sum(line.startswith(_SET) for line in lines)
    settings = [Markup("<i class=v>{}</i>").format(line) for line in lines[:count]]
    return Markup("\n").join([*settings, _marked(_styled_sql("\n".join(lines[count:])))])


def _marked(found: Iterator[Styled]) -> Markup:
    parts: list[str] = []
    for style, group in groupby(_with_blanks(found), lambda each: each[0]):
        escaped = html.escape("".join([text for _, text in group]), quote=False)
        parts.append(f"<i class={style}>{escaped}</i>" if style else escaped)
    return Markup("".join(parts).rstrip("\n"))  # noqa: S704  # each part is escaped above


def _with_blanks(found: Iterator[Styled]) -> Iterator[Styled]:
    """Yield pieces of code; blanks between two of one class are of it as well."""
    before, blank = "", ""
    for style, text in found:
        if text.isspace():
            blank += text
            continue
        if blank:
            yield before if before == style else "", blank
            blank = ""
        yield style, text
        before = style
    yield "", blank


def _styled_sql(text: str) -> Iterator[Styled]:
    for token in tokens(text):
        body = _BODY.fullmatch(token.text) if token.kind == "string" else None
        if body:
            yield "s", body[1]
            yield from _styled_sql(body[2])
            yield "s", body[3]
        elif token.kind == "word":
            yield _style_of_word(token.text.lower()), token.text
        else:
            yield _STYLES.get(token.kind, ""), token.text


@cache
def _style_of_word(word: str) -> str:
    kind, _ = next(iter(_POSTGRESQL.get_tokens(word)))
    return "k" if kind[: len(Keyword)] == Keyword else ""


def _styled_python(text: str) -> Iterator[Styled]:
    end = 0
    for found in _PYTHON.finditer(text):
        yield "", text[end : found.start()]
        style = next(name for name in ("c", "s", "k") if found[name] is not None)
        yield style, found[0]
        end = found.end()
    yield "", text[end:]
