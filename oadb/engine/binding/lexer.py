"""Tokens of PostgreSQL's SQL: enough to distinguish code from text, and `:name` from other colons.

They follow chapter 4.1, "Lexical Structure", of PostgreSQL's documentation.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

Kind = Literal[
    "space",
    "comment",
    "string",
    "quoted",
    "positional",
    "word",
    "number",
    "operator",
    "placeholder",
    "semicolon",
    "unclosed",
    "backslash",
    "ambiguous",
]

UNREADABLE: dict[Kind, tuple[str, str]] = {
    "unclosed": ("a quoted text or comment is never closed", "close it; double a quote inside it"),
    "backslash": ("psql commands do not belong here", "only SQL is sent to the server"),
    "positional": ("a positional parameter", "name it: :user_id instead of $1"),
    "ambiguous": (
        "a colon inside [ ] can be a slice or a parameter",
        "write [low : high] for a slice of columns, [low : :high] with a parameter",
    ),
}
"""What a statement may not have: what is wrong with it, and what to do."""

_TOKEN = re.compile(
    r"""
      (?P<space>       \s+ )
    | (?P<comment>     --[^\n]* )
    | (?P<block>       /\* )
    | (?P<string>      [eE]' (?: [^'\\] | '' | \\. )* '
                             (?: [^\S\n]* (?: --[^\n]* )? \n (?: \s | --[^\n]*\n )*
                                 ' (?: [^'\\] | '' | \\. )* ' )*
                     | (?: [uU]& )? ' (?: [^'] | '' )* '
                     | \$ (?P<tag> (?: [^\W\d]\w* )? ) \$ .*? \$ (?P=tag) \$ )
    | (?P<quoted>      (?: [uU]& )? " (?: [^"] | "" )* " )
    | (?P<positional>  \$\d+ )
    | (?P<unclosed>    [eE]' | ['"] | \$ (?! \d ) )
    | (?P<word>        [^\W\d][\w$]* )
    | (?P<number>      \d[\w.]* )
    | (?P<operator>    :: | := | => )
    | (?P<placeholder> :[^\W\d]\w* )
    | (?P<semicolon>   ; )
    | (?P<backslash>   \\ )
    | (?P<other>       . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")

_BRACKETS = {"[": 1, "]": -1}
_OPERANDS = frozenset({"string", "quoted", "number", "placeholder"})


class Token(NamedTuple):
    """A piece of SQL: its kind, its text, and the offset at which it starts.

    A tuple, because a file has thousands, and they are made at import.
    """

    kind: Kind
    text: str
    start: int


def tokens(sql: str) -> Iterator[Token]:
    """Split *sql* into tokens, whose texts joined are *sql* again.

    Invalid code gets a kind of its own: ``unclosed`` (a string or comment without an end),
    ``backslash`` (a psql command) or ``ambiguous`` (a colon inside brackets that could be a slice
    or a parameter).
    """
    position, brackets, last = 0, 0, Token("space", "", 0)
    while position < len(sql):
        token = _next(sql, position)
        if token.kind == "operator":
            brackets += _BRACKETS.get(token.text, 0)
        if token.kind == "placeholder" and brackets > 0 and _may_be_sliced(last, token):
            token = Token("ambiguous", token.text, token.start)
        yield token
        position += len(token.text)
        if token.kind not in {"space", "comment"}:
            last = token


def _may_be_sliced(last: Token, placeholder: Token) -> bool:
    """Say whether a value precedes a placeholder, so that its colon could be that of a slice.

    Not for a word and a space, because the word may be an operator: ``[a or :b]``.
    """
    adjacent = last.start + len(last.text) == placeholder.start
    return last.kind in _OPERANDS or last.text in {")", "]"} or (last.kind == "word" and adjacent)


def _next(sql: str, start: int) -> Token:
    found = _TOKEN.match(sql, start)
    assert found is not None, "the last alternative matches any character"  # noqa: S101  # cannot fail
    kind = found.lastgroup
    if kind == "block":
        return _block_comment(sql, start)
    return Token("operator" if kind == "other" else cast("Kind", kind), found[0], start)


def _block_comment(sql: str, start: int) -> Token:
    """Read a comment to its end; PostgreSQL's comments can be nested."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return Token("comment", sql[start : edge.end()], start)
    return Token("unclosed", sql[start:], start)
