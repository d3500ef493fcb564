"""The edits of SQL: of a condition, a comparison, an order, a lock, a constant.

What is dropped keeps its placeholders, as a statement without one of them is refused at import.
"""

import re
from collections.abc import Iterable, Iterator

from oadb.engine.binding.lexer import Token, tokens
from tests.mutation.mutants import Edit

_JOINS = {"where", "and", "or", "on", "having", "when"}
_STOPS = {
    "and", "or", "group", "order", "limit", "returning", "for", "union", "then", "window", "offset",
    "inner", "left", "join", "on", "cross", "having", "except", "intersect", "where", "do", "set",
    "with", "else", "end", "full", "natural", "as",
}  # fmt: skip  # a table
_WORDS: dict[str, str] = {
    "min": "max",
    "max": "min",
    "greatest": "least",
    "least": "greatest",
    "true": "false",
    "false": "true",
}
# What a pattern finds in code without texts and comments, and what it becomes.
_PATTERNS = (
    ("comparison", r"(?<![<>=!|&@#~:-])<=(?!>)", "<"),
    ("comparison", r"(?<![<>=!|&@#~:-])>=", ">"),
    ("comparison", r"(?<![<>=!|&@#~:-])<>", "="),
    ("comparison", r"(?<![<>=!|&@#~:-])<(?![<>=@|&-])", "<="),
    ("comparison", r"(?<![<>=!|&@#~:-])>(?![<>=@|&-])", ">="),
    ("null", r"\bis null\b", "is not null"),
    ("null", r"\bis not null\b", "is null"),
    ("exists", r"(?<!not )(?<!if )\bexists(?= \()", "not exists"),
    ("exists", r"\bnot exists(?= \()", "exists"),
    ("lock", r"\bfor (?:no key )?(?:update|share)\b(?: of \w+)?(?: skip locked| nowait)?", ""),
    ("lock", r"\bfor key share\b(?: of \w+)?(?: skip locked| nowait)?", ""),
    ("lock", r"\bskip locked\b", ""),
    ("order", r"\bdesc\b(?! nulls)", "asc"),
    ("distinct", r"(?<!is )(?<!is not )(?<!count\()\bdistinct\b(?! on| from)", ""),
    ("union", r"\bunion all\b", "union"),
    ("arithmetic", r"(?<=[\w)]) \+ (?=[\w(:])", " - "),
    ("arithmetic", r"(?<=[\w)]) - (?=[\w(:])", " + "),
)


def edits(text: str) -> Iterator[Edit]:
    """Yield the edits of a text with statements, their comments and texts left out."""
    found = [*tokens(text)]
    masked = _masked(found)
    code = [each for each in found if each.kind not in {"space", "comment"}]
    depths = [*_depths(code)]
    for operator, pattern, replacement in _PATTERNS:
        for match in re.finditer(pattern, masked):
            yield Edit(operator, match.start(), match.end(), replacement)
    for number in range(len(code)):
        yield from _at(text, code, depths, number)


def _masked(found: Iterable[Token]) -> str:
    hidden = {"comment", "string"}
    return "".join(
        re.sub(r"[^\n]", " ", each.text) if each.kind in hidden else each.text for each in found
    )


def _depths(code: Iterable[Token]) -> Iterator[int]:
    """Yield in how many parentheses each token is; a parenthesis is in none of its own."""
    depth = 0
    for each in code:
        depth -= each.text == ")"
        yield depth
        depth += each.text == "("


def _at(text: str, code: list[Token], depths: list[int], number: int) -> Iterator[Edit]:
    token = code[number]
    if token.text in _JOINS and not _is_range(code, depths, number):
        yield from _condition(text, code, depths, number)
    if token.text in {"and", "or"} and not _is_range(code, depths, number):
        yield _over("and/or", token, "or" if token.text == "and" else "and")
    if token.text == "=" and _is_equality(code, number) and not _is_set(code, depths, number):
        yield _over("comparison", token, "<>")
    if token.text in _WORDS:
        yield _over("function", token, _WORDS[token.text])
    # What stands behind select within exists is not read.
    if token.kind == "number" and token.text.isdigit() and code[number - 1].text != "select":
        yield _over("constant", token, str(int(token.text) + 1))
    if token.text == "order" and code[number + 1].text == "by":
        yield from _order(text, code, depths, number)
    is_limit = token.text == "limit" and code[number + 1].text.startswith(":")
    if is_limit and not _is_of_page(text, token):
        last = code[number + 1]
        yield Edit("limit", last.start, last.start + len(last.text), f"{last.text} + 1")
    if token.text == "coalesce":
        yield from _coalesce(text, code, depths, number)


def _is_of_page(text: str, token: Token) -> bool:
    """Say whether a statement gives pages: of those the engine cuts rows beyond the limit."""
    return "--? cursor" in text[text.rfind("-- name:", 0, token.start) : token.start]


def _over(operator: str, token: Token, replacement: str) -> Edit:
    return Edit(operator, token.start, token.start + len(token.text), replacement)


def _end(code: list[Token], depths: list[int], number: int, stops: set[str]) -> int:
    """Return the token behind what begins with that of a number."""
    depth, first = depths[number], number
    is_range = False
    while number < len(code):
        each = code[number]
        is_between = is_range and each.text == "and"
        if number > first and depths[number] <= depth and not is_between:
            is_stop = depths[number] < depth or each.text in stops | {";", ","}
            if is_stop:
                break
        if depths[number] == depth:
            is_range = each.text == "between" or (is_range and not is_between)
        number += 1
    return number


def _is_range(code: list[Token], depths: list[int], number: int) -> bool:
    """Say whether an ``and`` is that of ``between a and b``."""
    for before in range(number - 1, -1, -1):
        if depths[before] < depths[number] or code[before].text in _JOINS | {";"}:
            return False
        if depths[before] == depths[number] and code[before].text == "between":
            return code[number].text == "and"
    return False


def _condition(text: str, code: list[Token], depths: list[int], number: int) -> Iterator[Edit]:
    first = code[number + 1]
    if code[number].text == "on" and not _is_of_join(code, depths, number):
        return
    last = code[_end(code, depths, number + 1, _STOPS) - 1]
    start, end = first.start, last.start + len(last.text)
    if text[start:end] == "true":
        return
    head = "false and" if code[number].text == "or" else "true or"
    yield Edit("condition", start, end, f"({head} ({text[start:end]}))")


def _is_of_join(code: list[Token], depths: list[int], number: int) -> bool:
    """Say whether ``on`` is that of a join, and not of a trigger, a comment or a conflict."""
    for before in range(number - 1, -1, -1):
        if depths[before] == depths[number] and code[before].text in {"join", "where", ";"}:
            return code[before].text == "join"
    return False


def _is_equality(code: list[Token], number: int) -> bool:
    """Say whether ``=`` stands alone, and is not part of ``<=`` or ``=>``."""
    before, token, after = code[number - 1], code[number], code[number + 1]
    is_joined = before.start + len(before.text) == token.start and before.text in set("<>!:=~")
    return not is_joined and not (after.start == token.start + 1 and after.text == ">")


def _is_set(code: list[Token], depths: list[int], number: int) -> bool:
    """Say whether ``=`` assigns: it stands behind ``set name`` or ``, name`` of a set clause."""
    if code[number - 2].text == "set":
        return True
    if code[number - 2].text != ",":
        return False
    for before in range(number - 2, -1, -1):
        if depths[before] < depths[number]:
            return False
        if depths[before] == depths[number] and code[before].text in {"set", "where", "select"}:
            return code[before].text == "set"
    return False


def _order(text: str, code: list[Token], depths: list[int], number: int) -> Iterator[Edit]:
    stops = {"limit", "for", "offset", "returning", "rows", "range", "union"}
    behind = number + 2
    while code[behind].text not in stops | {";"} and depths[behind] >= depths[number]:
        behind += 1
    last = code[behind - 1]
    start, end = code[number].start, last.start + len(last.text)
    if ":" not in text[start:end] and "--" not in text[start:end]:
        yield Edit("order", start, end, "")


def _coalesce(text: str, code: list[Token], depths: list[int], number: int) -> Iterator[Edit]:
    comma = _end(code, depths, number + 2, set())
    close = next(n for n in range(comma, len(code)) if depths[n] <= depths[number])
    start, end = code[number].start, code[close].start + 1
    dropped = text[code[comma].start : end]
    if ":" not in dropped and "--" not in dropped:
        yield Edit("coalesce", start, end, text[code[number + 1].start : code[comma].start] + ")")
