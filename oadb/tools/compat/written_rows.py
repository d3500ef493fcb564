"""What a statement writes, by its text: the columns that it names, and what it stores in them.

The catalog knows which columns a statement uses, but not which of them it leaves to their defaults,
nor what it stores. Tables are named with their schema, as SQL names them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from oadb.engine.binding.lexer import tokens

Words = Sequence[str]

# What ends a list of values at the depth at which it began.
_CLAUSES = frozenset({"from", "where", "group", "having", "order", "limit", "returning"})
_ENDS = _CLAUSES | {"union", "intersect", "except", "on", "when"}
_DEPTHS = {"(": 1, "[": 1, ")": -1, "]": -1}
_NEVER_NULL = frozenset({"default", "true", "false", "current_timestamp", "current_date"})
_NEVER_NULL_CALLS = frozenset(
    {"now", "clock_timestamp", "statement_timestamp", "gen_random_uuid", "count"}
)


@dataclass(frozen=True, slots=True)
class Write:
    """A part of a statement that stores or deletes rows of a table.

    Attributes:
        columns: Those that it names, in order; none of a delete or truncate.
        values: The expressions for a column, each as words; a column of unknown ones is missing.
        conflict: The columns of its ON CONFLICT.
        is_copy: Whether the values come from a client in a stream.
    """

    kind: Literal["insert", "update", "delete", "truncate"]
    table: str
    columns: tuple[str, ...] = ()
    values: Mapping[str, Sequence[Words]] = field(default_factory=dict[str, Sequence[Words]])
    conflict: frozenset[str] = frozenset()
    is_copy: bool = False


def words(sql: str) -> list[str]:
    """Return the code of a statement: words in lower case, quoted names and texts as they stand."""
    return [
        token.text.lower() if token.kind == "word" else token.text
        for token in tokens(sql)
        if token.kind not in {"space", "comment"}
    ]


@cache
def writes(sql: str) -> tuple[Write, ...]:
    """Return what a statement writes, in the order of its text."""
    return tuple(_writes(words(sql)))


def _writes(code: Words) -> Iterator[Write]:
    target = ""
    for place in range(len(code) - 1):
        if code[place] in {"insert", "merge"} and code[place + 1] == "into":
            target = _table(code, place + 2)
        found = _by_itself(code, place) or _of_a_row(code, place, target)
        if found is not None:
            yield found


def _by_itself(code: Words, place: int) -> Write | None:
    """Return what begins at a place with the name of its table."""
    match code[place : place + 2]:
        case ["insert", "into"]:
            return _insert(code, _table(code, place + 2), place + 5)
        case ["update", _] if code[place - 1] not in {"for", "key"} and _table(code, place + 1):
            return _update(code, _table(code, place + 1), code.index("set", place))
        case ["delete", "from"]:
            return Write("delete", _table(code, place + 2))
        case ["truncate", following]:
            return Write("truncate", _table(code, place + 1 + (following == "table")))
        case ["copy", _] if place == 0 and "stdin" in code:
            return Write("insert", _table(code, 1), tuple(_names(code, 4)), is_copy=True)
        case _:
            return None


def _of_a_row(code: Words, place: int, target: str) -> Write | None:
    """Return what begins at a place behind WHEN ... THEN or ON CONFLICT ... DO."""
    if place == 0 or code[place - 1] not in {"do", "then"}:
        return None
    match code[place]:
        case "insert":
            return _insert(code, target, place + 1)
        case "update":
            return _update(code, target, place + 1)
        case "delete":
            return Write("delete", target)
        case _:
            return None


def _table(code: Words, place: int) -> str:
    """Return the table that is named at a place, and nothing if none is."""
    place += code[place : place + 1] == ["only"]
    name = [*code[place : place + 3]]
    return "".join(name) if name[1:2] == ["."] else ""


def _names(code: Words, place: int) -> list[str]:
    """Return the names of the list in parentheses at a place; none if there is no list."""
    if code[place : place + 1] != ["("] or code[place + 1] in {"select", "with"}:
        return []
    return [item[0] for item in _items(code, place + 1) if item]


def _items(code: Words, place: int) -> Iterator[list[str]]:
    """Yield the expressions from a place on, up to where their list ends."""
    depth, item = 0, list[str]()
    for word in code[place:]:
        depth += _DEPTHS.get(word, 0)
        if depth < 0 or (depth == 0 and word in _ENDS):
            break
        if depth == 0 and word == ",":
            yield item
            item = []
        else:
            item.append(word)
    yield item


def _insert(code: Words, table: str, place: int) -> Write:
    """Read an INSERT from behind the name of its table."""
    if code[place : place + 1] == ["as"]:
        place += 2
    columns = _names(code, place)
    rest = code[place + 2 * len(columns) + 1 :] if columns else code[place:]
    if rest[:1] == ["overriding"]:
        rest = rest[3:]
    rows = [*_rows(rest)]
    values = {
        name: [row[number] for row in rows]
        for number, name in enumerate(columns)
        if rows and all(len(row) == len(columns) for row in rows)
    }
    return Write("insert", table, tuple(columns), values, frozenset(_conflict(rest)))


def _rows(code: Words) -> Iterator[list[list[str]]]:
    """Yield the rows of VALUES, or the one list of a SELECT; nothing of another query."""
    if code[:1] == ["values"]:
        for row in _items(code, 1):
            yield [*_items(row, 1)]
    elif code[:1] == ["select"] and "union" not in code:
        yield [*_items(code, 1 + (code[1:2] in (["distinct"], ["all"])))]


def _conflict(code: Words) -> list[str]:
    for place in range(len(code) - 2):
        if code[place] == "insert":
            break
        if [*code[place : place + 3]] == ["on", "conflict", "("]:
            return _names(code, place + 2)
    return []


def _update(code: Words, table: str, place: int) -> Write:
    """Read an UPDATE from its SET on."""
    values: dict[str, list[Words]] = {}
    columns: list[str] = []
    for item in _items(code, place + 1):
        if item[:1] == ["("]:
            columns += _names(item, 0)
        elif item:
            columns.append(item[0])
            values.setdefault(item[0], []).append(item[2:])
    return Write("update", table, tuple(columns), values)


def is_never_null(value: Words, optional: Sequence[bool]) -> bool:
    """Say whether an expression is known to be never null.

    Args:
        optional: of each parameter, whether it may be null.
    """
    match [*value]:
        case [word] if word in _NEVER_NULL:
            return True
        case [name, "(", *_, ")"] if name in _NEVER_NULL_CALLS:
            return True
        case ["coalesce", "(", *rest, ")"]:
            return is_never_null([*_items(rest, 0)][-1], optional)
        case [word, *rest] if rest[:1] in ([], ["::"]) and rest.count("::") * 2 >= len(rest) - 2:
            if word.startswith("$"):
                return not optional[int(word[1:]) - 1]
            return word[:1] == "'" or word[:1].isdigit()
        case _:
            return False
