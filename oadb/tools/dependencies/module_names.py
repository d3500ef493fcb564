"""The names in Python files: what a module defines, imports and reads."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_NAMES, _IMPORTS = (ast.Name, ast.Attribute), (ast.Import, ast.ImportFrom)

# Of kinds of nodes, the fields in which names may be.
_FIELDS = {
    kind.__name__: tuple(
        name
        for name in kind._fields
        if name not in {"ctx", "op", "ops", "kind", "type_comment", "conversion", "simple"}
    )
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | {"Constant": ()}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file; *shown* is its path as it is shown."""

    module: str
    path: Path
    shown: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Named:
    """A dotted name that a unit of a module reads; *within* is empty for a variable."""

    name: str
    unit: str
    within: str
    line: int


@dataclass(frozen=True, slots=True)
class ModuleNames:
    """What a module defines, imports and reads."""

    defined: frozenset[str]
    imports: Mapping[str, str]
    named: tuple[Named, ...]


def read(module: str, content: bytes) -> ModuleNames | None:
    """Read the content of a file; None if it is not Python, such as a template."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return None
    units = [(_unit(node), _names_in(node, module)) for node in tree.body]
    defined = frozenset(unit for unit, _ in units if unit)
    imports = dict(pair for _, names in units for pair in names.imports)
    known = {**imports, **{name: f"{module}.{name}" for name in defined}}
    named = (
        Named(name, unit, getattr(node, "name", ""), line)
        for node, (unit, names) in zip(tree.body, units, strict=True)
        for name, line in _known_in(node, names, known)
    )
    return ModuleNames(defined, imports, tuple(named))


@dataclass(slots=True)
class _StatementNames:
    """The names in a statement at the top of a module.

    Attributes:
        read: The first part of each, all of it, and its line.
        bound: Parameters and variables; of a function, they hide names of the module.
        imports: Each imported name with what it means.
    """

    read: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    bound: set[str] = field(default_factory=set[str])
    imports: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def _names_in(top: ast.AST, module: str) -> _StatementNames:
    """Return the names in a statement of a module; of an attribute of a name, not the name."""
    found = _StatementNames()
    waiting: list[object] = [top]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _NAMES):
            first, name = _dotted(node)
            if not name and isinstance(node, ast.Attribute):
                waiting.append(node.value)
            elif isinstance(node.ctx, ast.Load):
                found.read.append((first, name, node.lineno))
            elif first == name:
                found.bound.add(name)
        elif isinstance(node, _IMPORTS):
            found.imports += _imports(module, node)
        elif isinstance(node, list):
            waiting += node
        elif isinstance(node, ast.AST):
            if isinstance(node, ast.arg):
                found.bound.add(node.arg)
            waiting += [
                value for name in _FIELDS[type(node).__name__] if (value := getattr(node, name))
            ]
    return found


def _known_in(
    top: ast.AST, names: _StatementNames, known: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """Yield the dotted names of a statement that the module knows, each with its line."""
    local = names.bound if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef) else ()
    for first, name, line in names.read:
        if first in known and first not in local:
            yield known[first] + name[len(first) :], line


def _dotted(node: ast.expr) -> tuple[str, str]:
    """Return the first part of ``a.b.c``, and all of it; both empty without a name in front."""
    rest = ""
    while isinstance(node, ast.Attribute):
        rest = f".{node.attr}{rest}"
        node = node.value
    return (node.id, node.id + rest) if isinstance(node, ast.Name) else ("", "")


def _imports(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield each imported name with what it means."""
    if isinstance(node, ast.ImportFrom):
        source = _source(module, node)
        yield from ((each.asname or each.name, f"{source}.{each.name}") for each in node.names)
        return
    for each in node.names:
        first = each.name.partition(".")[0]
        yield (each.asname, each.name) if each.asname else (first, first)


def _source(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")[: -node.level]
    return ".".join((*parts, node.module) if node.module else parts)


def _unit(node: ast.stmt) -> str:
    """Return what a statement defines; empty if it is nothing, or several variables."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""
