"""Whether a type or a condition accepts all that another one accepted, as far as its text shows."""

import re
from collections.abc import Iterator
from itertools import takewhile

from oadb.engine.binding.lexer import Token, tokens

# Each accepts the values of those before it.
_FAMILIES = (
    ("smallint", "integer", "bigint", "numeric"),
    ("real", "double precision"),
    ("character varying", "text"),
)
_SIZED = re.compile(r"(?P<name>[a-z ]+?)(?:\((?P<sizes>[\d,]+)\))?")

# With one of these, more may be less.
_TURNS = frozenset({"not", "case", "false", "is", "all"})
# What may stand behind a bound that stands alone, and of what operators are made.
_BEHIND = frozenset({")", "and", "or", "::"})
_OPERATORS = frozenset("+-*/<>=~!@#%^&|`?")
_LIST = re.compile(r"ARRAY\[([^\[\]]*)\]")


def accepts_type(before: str, after: str) -> bool:
    """Say whether each value of the type *before* is one of the type *after*, both as SQL."""
    if before == after:
        return True
    old, new = _SIZED.fullmatch(before), _SIZED.fullmatch(after)
    if old is None or new is None:
        return False
    if old["name"] != new["name"]:
        ranks = next((each for each in _FAMILIES if old["name"] in each), ())
        return new["sizes"] is None and new["name"] in ranks[ranks.index(old["name"]) :]
    return new["sizes"] is None or (old["sizes"] is not None and _fits(old["sizes"], new["sizes"]))


def _fits(old: str, new: str) -> bool:
    """Say whether sizes do: of numeric, the digits in front of and behind the point."""
    (had, *had_behind), (has, *has_behind) = ([*map(int, each.split(","))] for each in (old, new))
    behind, now = sum(had_behind), sum(has_behind)
    return now >= behind and has - now >= had - behind


def accepts_all(before: str, after: str) -> bool:
    """Say whether a condition is known to hold wherever the one *before* does.

    Known are longer lists of values, other bounds, and another alternative behind an OR.
    """
    old, new = (each.removesuffix(" NOT VALID") for each in (before, after))
    if old == new or new.startswith(f"{old.removesuffix(')')} OR "):
        return True
    lists = [[{*found.split(", ")} for found in _LIST.findall(each)] for each in (old, new)]
    if len(lists[0]) != len(lists[1]):
        return False
    if not all(fewer <= more for fewer, more in zip(*lists, strict=True)):
        return False
    one, other = ([*_code(_LIST.sub("ARRAY[]", each))] for each in (old, new))
    if len(one) != len(other) or _TURNS & {each.text.lower() for each in one}:
        return False
    return all(_is_no_less(one, other, place) for place in range(len(one)))


def _code(sql: str) -> Iterator[Token]:
    return (each for each in tokens(sql) if each.kind != "space")


def _is_no_less(old: list[Token], new: list[Token], place: int) -> bool:
    had, has = old[place], new[place]
    if had.text == has.text:
        return True
    following = old[place + 1].text.lower() if place + 1 < len(old) else ""
    if not (had.kind == has.kind == "number") or following not in _BEHIND:
        return False
    before = takewhile(lambda each: each.text in _OPERATORS, reversed(old[:place]))
    operator = "".join(each.text for each in before)[::-1]
    if operator in {"<", "<="}:
        return float(had.text) <= float(has.text)
    return operator in {">", ">="} and float(had.text) >= float(has.text)
