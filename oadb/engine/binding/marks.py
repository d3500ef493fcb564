"""Marks: lines of a statement that are only in some of its variants; see ``variants``.

    where
        logged_at >= :since
        and user_id = :user_id      --? user_id
    order by
        logged_at desc              --? order = newest
        -- logged_at                --? order = oldest

A mark ends its line:

    mark = "--?" term { "and" term }
    term = name [ "=" value ]

The name is that of a parameter; the value is a word or a number. A line that is a comment and
marked is code in its variants. The file as it stands is therefore one complete statement.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oadb.engine.binding.lexer import UNREADABLE, Token, tokens

MARK = "--?"

_TERM = re.compile(r"([a-z_][a-z0-9_]*)(?:\s*=\s*([\w.+-]+))?", re.ASCII)

Report = Callable[[Token, str, str], None]
"""Reports a problem: the token, the message, the hint."""


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on one parameter: that it has a value, or this one."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.name if self.value is None else f"{self.name} = {self.value}"


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """A marked line: which parts of the statement it has, and in which variants it is.

    Attributes:
        line: Its number in the file.
        start: The number of its first part.
        end: The number of the part behind it.
        is_comment: Whether it is a comment in the file.
    """

    line: int
    start: int
    end: int
    terms: tuple[Term, ...]
    is_comment: bool


def terms_of(text: str, separator: str = r"\s+and\s+") -> tuple[Term, ...] | None:
    """Read terms; None if they are not valid."""
    matches = [_TERM.fullmatch(part) for part in re.split(separator, text.strip())]
    found = tuple(Term(match[1], match[2]) for match in matches if match)
    return found if len(found) == len(matches) == len({*found}) else None


def is_mark(token: Token) -> bool:
    """Say whether a token is a mark, or a marked line that is a comment."""
    return token.kind == "comment" and token.text.startswith("--") and MARK in token.text


def read(
    code: Sequence[Token], line_of: Callable[[Token], int], report: Report
) -> tuple[tuple[Token, ...], tuple[MarkedLine, ...]]:
    """Return the parts of a statement without its marks, and its marked lines."""
    parts: list[Token] = []
    lines: list[MarkedLine] = []
    for token in code:
        if not is_mark(token):
            parts.append(token)
            continue
        start = _start_of_line(parts)
        commented, _, condition = token.text.partition(MARK)
        problem = _problem(parts[start - 1 :] if start else parts, is_comment=bool(commented))
        inner = [*tokens(commented.removeprefix("--"))]
        problem = problem or next(filter(None, map(_unreadable, inner)), None)
        parts += inner
        terms = terms_of(condition)
        if problem is not None:
            report(token, *problem)
        elif terms is None:
            report(token, "an invalid mark", "write --? user_id, or --? order = newest and user_id")
        else:
            lines.append(MarkedLine(line_of(token), start, len(parts), terms, bool(commented)))
    return tuple(parts), tuple(lines)


def _unreadable(part: Token) -> tuple[str, str] | None:
    if part.kind == "semicolon":
        return "a semicolon on a marked line", "write the semicolon on a line below"
    return UNREADABLE.get(part.kind)


def _start_of_line(parts: Sequence[Token]) -> int:
    """Return the number of the first part on the last line."""
    start = len(parts)
    while start > 0 and "\n" not in parts[start - 1].text:
        start -= 1
    return start


def _problem(written: Sequence[Token], *, is_comment: bool) -> tuple[str, str] | None:
    """Return what is wrong with a marked line, and what to do.

    Args:
        written: the parts on the line, and the one before that ends the line above.
    """
    spans = [part for part in written[:1] if "\n" in part.text]
    code = [part for part in written[len(spans) :] if part.kind not in {"space", "comment"}]
    if spans and spans[0].kind != "space":
        return "a text that spans lines ends on a marked line", "write what follows it below"
    if is_comment and code:
        return "code before a comment that is marked", "write the comment on a line of its own"
    if not is_comment and not code:
        return "a mark without a line", "write it at the end of the line that it is for"
    return None
