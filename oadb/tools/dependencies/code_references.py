"""Which code runs which statement: names of Python files, resolved through their imports.

A reference is a line that names a function of a package, by a call or otherwise: a statement may
be handed to another function that runs it. What is only found by its name in a string is not seen.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_MOST_TESTS = 6
"""Tests of a statement that are listed."""

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
class CodePlace:
    """A line of code: ``oadb/accounts/users.py:120`` in ``verify_password``.

    Attributes:
        within: The function or class that the line is in; empty at the top of a module.
        through: The functions between the line and the statement, nearest to the line first.
    """

    path: str
    line: int
    within: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeUses:
    """Who runs a statement, as far as names in the code say.

    Attributes:
        tests: The nearest ones first, not all of them.
        test_count: Of all.
    """

    callers: tuple[CodePlace, ...] = ()
    tests: tuple[CodePlace, ...] = ()
    test_count: int = 0


@dataclass(frozen=True, slots=True)
class _Reference:
    """A line that names a unit: a function, class or variable at the top of a module."""

    unit: str
    within: str
    path: str
    line: int
    is_test: bool


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file; *shown* is its path as it is shown."""

    module: str
    path: Path
    shown: str
    is_test: bool


class CodeReferences:
    """The references between the units of some files."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._modules = {each.file.module: each for file in files if (each := _read(file))}
        self._to: dict[str, list[_Reference]] = {}
        for module in self._modules.values():
            for named in module.named:
                found = self._resolved(named.name)
                if found is not None and found != f"{module.file.module}.{named.unit}":
                    self._to.setdefault(found, []).append(_reference(module.file, named))

    def uses_of(self, unit: str) -> CodeUses:
        """Return who uses a unit: ``oadb.accounts.users.get``.

        Its callers are in the code itself. Tests run it by its name or through its callers.
        """
        callers = [each for each in self._to.get(unit, ()) if not each.is_test]
        tests = [*self._tests_of(unit)]
        return CodeUses(
            tuple(CodePlace(each.path, each.line, each.within) for each in callers),
            tuple(tests[:_MOST_TESTS]),
            len(tests),
        )

    def _tests_of(self, unit: str) -> Iterator[CodePlace]:
        """Yield the tests that reach a unit, each once, those on the shortest way first."""
        waiting: list[tuple[str, tuple[str, ...]]] = [(unit, ())]
        seen, told = {unit}, set[tuple[str, str]]()
        for name, through in waiting:
            for each in self._to.get(name, ()):
                if not each.is_test and each.unit not in seen:
                    seen.add(each.unit)
                    waiting.append((each.unit, (_short(each.unit), *through)))
                elif each.is_test and (each.path, each.within) not in told:
                    told.add((each.path, each.within))
                    if each.within.startswith("test_"):
                        yield CodePlace(each.path, each.line, each.within, through)

    def _resolved(self, name: str) -> str | None:
        """Return the unit that a dotted name means, also where a module only imports it."""
        for _ in range(4):  # an import of an import is rare; a circle would not end
            module, _, last = name.rpartition(".")
            found = self._modules.get(module)
            if found is None:  # perhaps an attribute of a unit
                above, _, last = module.rpartition(".")
                found, name = self._modules.get(above), module
            if found is None:
                return None
            if last in found.defined:
                return name
            if last not in found.imports:
                return None
            name = found.imports[last]
        return None


@dataclass(frozen=True, slots=True)
class _Named:
    """A dotted name that a unit of a module reads; *within* is empty for a variable."""

    name: str
    unit: str
    within: str
    line: int


@dataclass(frozen=True, slots=True)
class _ModuleNames:
    """What a module defines, imports and reads."""

    file: SourceFile
    defined: frozenset[str]
    imports: Mapping[str, str]
    named: tuple[_Named, ...]


def _reference(file: SourceFile, named: _Named) -> _Reference:
    unit = f"{file.module}.{named.unit}"
    return _Reference(unit, named.within, file.shown, named.line, file.is_test)


def _read(file: SourceFile) -> _ModuleNames | None:
    """Read a file; None if it is not Python, such as a template."""
    try:
        tree = ast.parse(file.path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None
    units = [(_unit(node), _names_in(node, file.module)) for node in tree.body]
    defined = frozenset(unit for unit, _ in units if unit)
    imports = dict(pair for _, names in units for pair in names.imports)
    known = {**imports, **{name: f"{file.module}.{name}" for name in defined}}
    named = (
        _Named(name, unit, getattr(node, "name", ""), line)
        for node, (unit, names) in zip(tree.body, units, strict=True)
        for name, line in _known_in(node, names, known)
    )
    return _ModuleNames(file, defined, imports, tuple(named))


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


def _short(unit: str) -> str:
    return ".".join(unit.split(".")[-2:])
