"""The edits of Python: what each node of a module could be instead."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.mutation.mutants import Edit

_COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
}
_CALCULATED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "*"),
    ast.BitOr: (r"\|", "&"),
    ast.BitAnd: ("&", "|"),
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SIMPLE = (ast.Constant, ast.Name, ast.Attribute)


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a module, with the offsets of its nodes."""

    text: str
    lines: tuple[str, ...]
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Source":
        lines = tuple(text.splitlines(keepends=True))
        offsets = [0]
        for line in lines:
            offsets.append(offsets[-1] + len(line))
        return cls(text, lines, tuple(offsets))

    def _offset(self, line: int, column: int) -> int:
        return self.offsets[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def start(self, node: ast.AST) -> int:
        return self._offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]  # has one

    def end(self, node: ast.AST) -> int:
        return self._offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]  # has one

    def whole(self, operator: str, node: ast.AST, replacement: str) -> Edit:
        return Edit(operator, self.start(node), self.end(node), replacement)

    def between(
        self, operator: str, left: ast.AST, right: ast.AST, pattern: str, replacement: str
    ) -> Iterator[Edit]:
        """Yield the edit of the operator that stands between two nodes."""
        start, end = self.end(left), self.start(right)
        found = re.search(pattern, self.text[start:end])
        if found is not None:
            yield Edit(operator, start + found.start(), start + found.end(), replacement)


Function = tuple[int, str]
"""The first line of a function, and its name."""


def edits(text: str) -> Iterator[tuple[Function, Edit]]:
    """Yield the edits of a module, with the function that each is in, if it is in one."""
    yield from _within(ast.parse(text), Source.of(text), (0, ""))


def _within(node: ast.AST, source: Source, function: Function) -> Iterator[tuple[Function, Edit]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.name
    for edit in _of(node, source):
        yield function, edit
    for child in _children(node):
        yield from _within(child, source, function)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children whose change a test could notice: no annotation, no docstring."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params"}:
            continue
        if name == "value" and _is_type(node):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_out(name, child):
                yield child


def _is_type(node: ast.AST) -> bool:
    """Say whether an assignment is that of an alias of types, or of the public names."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = {each.id for each in targets if isinstance(each, ast.Name)}
    is_alias = isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp)
    return bool(names & {"__all__", "__slots__"}) or (
        is_alias and any(name[0].isupper() and not name.isupper() for name in names)
    )


def _is_left_out(name: str, child: ast.AST) -> bool:
    if name == "decorator_list":
        return "dataclass" in ast.unparse(child)
    if name == "slice":
        return isinstance(child, ast.Tuple)
    is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
    return is_text or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))


def _of(node: ast.AST, source: Source) -> Iterator[Edit]:
    for kind, make in _EDITS.items():
        if isinstance(node, kind):
            yield from make(node, source)


def _compare(node: ast.Compare, source: Source) -> Iterator[Edit]:
    left: ast.AST = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        pattern, replacement = _COMPARED[type(operator)]
        yield from source.between("comparison", left, right, pattern, replacement)
        left = right


def _bool_op(node: ast.BoolOp, source: Source) -> Iterator[Edit]:
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        yield from source.between("and/or", left, right, rf"\b{word}\b", other)


def _bin_op(node: ast.BinOp, source: Source) -> Iterator[Edit]:
    sides = (node.left, node.right)
    is_text = any(
        isinstance(each, ast.JoinedStr)
        or (isinstance(each, ast.Constant) and isinstance(each.value, str | bytes))
        for each in sides
    )
    if type(node.op) in _CALCULATED and not is_text:
        pattern, replacement = _CALCULATED[type(node.op)]
        yield from source.between("arithmetic", *sides, pattern, replacement)


def _unary_op(node: ast.UnaryOp, source: Source) -> Iterator[Edit]:
    if isinstance(node.op, ast.Not):
        start = source.start(node)
        yield Edit("not", start, start + len("not"), "")


def _test(node: ast.If | ast.IfExp | ast.While, source: Source) -> Iterator[Edit]:
    # Of the others the comparison itself is turned round.
    if isinstance(node.test, ast.Name | ast.Attribute | ast.Call | ast.BoolOp | ast.Await):
        start, end = source.start(node.test), source.end(node.test)
        yield Edit("condition", start, end, f"not ({source.text[start:end]})")


def _constant(node: ast.Constant, source: Source) -> Iterator[Edit]:
    if isinstance(node.value, bool):
        yield source.whole("constant", node, str(not node.value))
    elif isinstance(node.value, int | float):
        yield source.whole("constant", node, repr(node.value + 1))


def _return(node: ast.Return, source: Source) -> Iterator[Edit]:
    # None is as false as False, which another edit turns round.
    if node.value is not None and ast.unparse(node.value) not in {"None", "False"}:
        yield source.whole("return None", node, "return None")


def _expression(node: ast.Expr, source: Source) -> Iterator[Edit]:
    if isinstance(node.value, ast.Call | ast.Await):
        yield source.whole("statement", node, "pass")


def _assignment(node: ast.Assign, source: Source) -> Iterator[Edit]:
    if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        yield source.whole("statement", node, "pass")


def _statement(node: ast.stmt, source: Source) -> Iterator[Edit]:
    yield source.whole("statement", node, "pass")


def _elements(node: ast.Tuple | ast.List | ast.Set, source: Source) -> Iterator[Edit]:
    if len(node.elts) < 2 or not all(isinstance(each, _SIMPLE) for each in node.elts):
        return
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    if isinstance(node, ast.Tuple) and source.text[source.start(node)] != "(":
        return  # values that are unpacked, or returned together
    for each in node.elts[1:]:
        comma = source.text.rindex(",", 0, source.start(each))
        follows = source.text[source.end(each) :].lstrip()[:1]
        # A tuple of one keeps a comma.
        is_last_of_two = isinstance(node, ast.Tuple) and len(node.elts) == 2 and follows != ","
        yield Edit("element", comma + is_last_of_two, source.end(each), "")


def _entries(node: ast.Dict, source: Source) -> Iterator[Edit]:
    for key, before, value in zip(node.keys[1:], node.values, node.values[1:], strict=False):
        if not isinstance(key, _SIMPLE):
            continue
        start, end = source.end(before), source.end(value)
        # Not of a value in parentheses, which end behind it.
        between, follows = source.text[start : source.start(key)], source.text[end:].lstrip()[:1]
        if between.strip() == "," and follows in {",", "}"}:
            yield Edit("element", start, end, "")


def _call(node: ast.Call, source: Source) -> Iterator[Edit]:
    if isinstance(node.func, ast.Name) and node.func.id in _SWAPPED:
        yield source.whole("function", node.func, _SWAPPED[node.func.id])


_EDITS: dict[type[ast.AST], Callable[..., Iterator[Edit]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.BinOp: _bin_op,
    ast.UnaryOp: _unary_op,
    ast.If: _test,
    ast.IfExp: _test,
    ast.While: _test,
    ast.Constant: _constant,
    ast.Return: _return,
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AugAssign: _statement,
    ast.Raise: _statement,
    ast.Delete: _statement,
    ast.Break: _statement,
    ast.Continue: _statement,
    ast.Tuple: _elements,
    ast.List: _elements,
    ast.Set: _elements,
    ast.Dict: _entries,
    ast.Call: _call,
}
