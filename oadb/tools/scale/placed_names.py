"""Where the names in a package's statements are on a cluster: tables, views, and functions.

A view is where the tables are that its last definition names. Functions are those that migrations
make in SQL and that return rows of parameters; one with a setting of its own is left out, because
PostgreSQL does not make it a part of the statement that calls it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable

from oadb.engine.binding.lexer import Token, tokens
from oadb.engine.binding.packages import Package
from oadb.tools.migrations import script_folder
from oadb.tools.scale import layout_file
from oadb.tools.scale.layout_file import TablePlacement
from oadb.tools.scale.placed_sql import PlacedNames
from oadb.tools.scale.query_blocks import SqlText

_SILENT = frozenset({"space", "comment"})
_RANK = ("coordinator", "reference", "distributed")


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    """A statement of a migration without its comments, and its line."""

    tokens: list[Token]
    line: int


def read(package: Package) -> PlacedNames | None:
    """Read the layout of a package, and what its migrations make; None: it has no layout.

    Raises:
        ConfigError: the layout is not valid.
    """
    layout = layout_file.read(package)
    if not layout:
        return None
    tables, functions = dict(layout), dict[str, bool]()
    folder = package.sql / "migrations"
    scripts = (
        folder / f"{id_}.sql" for id_ in (script_folder.ids(folder) if folder.is_dir() else ())
    )
    for statement in (each for script in scripts for each in statements(script)):
        if statement.tokens[0].text.lower() != "create":
            continue
        text = SqlText(statement.tokens)
        view, function = _made(text, "view"), _made(text, "function")
        if view:
            tables |= _placed_view(view, text, tables)
        if function:
            functions[function] = _is_row_function(text)
    rows = frozenset(name for name, returns_rows in functions.items() if returns_rows)
    return PlacedNames(tables, rows)


def statements(script: Traversable) -> Iterator[ScriptStatement]:
    """Yield the statements of a script; a body ``begin atomic`` is a part of one."""
    text = script.read_bytes().decode(errors="replace")
    found: list[Token] = []
    is_atomic = False
    for token in tokens(text):
        if token.kind in _SILENT:
            continue
        is_atomic = is_atomic or token.text.lower() == "atomic"
        found.append(token)
        if token.kind == "semicolon" and (not is_atomic or _ends_body(found)):
            yield ScriptStatement(found, text.count("\n", 0, found[0].start) + 1)
            found, is_atomic = [], False
    if found:
        yield ScriptStatement(found, text.count("\n", 0, found[0].start) + 1)


def _ends_body(statement: list[Token]) -> bool:
    return len(statement) > 1 and statement[-2].text.lower() == "end"


def _made(text: SqlText, kind: str) -> str:
    """Return the name of the view or the function that a statement makes; empty: none."""
    head = text.texts[:4]
    if head[:1] != ["create"] or kind not in head:
        return ""
    return text.qualified(head.index(kind) + 1)


def _placed_view(
    name: str, text: SqlText, tables: dict[str, TablePlacement]
) -> dict[str, TablePlacement]:
    behind = [
        tables[found] for _, found in text.names(range(5, len(text.texts))) if found in tables
    ]
    if not behind:
        return {}
    placed = max(behind, key=lambda each: _RANK.index(each.placement))
    return {name: replace(placed, table=name)}


def _is_row_function(text: SqlText) -> bool:
    """Return whether a function has parameters, is in SQL, and returns rows."""
    words = text.texts
    heads = words[: next((n for n, word in enumerate(words) if word in {"atomic", "as"}), None)]
    opening = words.index("(")
    has_parameters = not text.at(opening + 1, ")")
    returned = heads.index("returns") if "returns" in heads else len(words)
    returns_rows = text.at(returned + 1, "table") or text.at(returned + 1, "setof")
    return (
        has_parameters
        and returns_rows
        and any(text.at(n, "language", "sql") for n in range(len(heads)))
        and "set" not in heads
    )
