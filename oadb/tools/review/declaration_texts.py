"""The Python text of declarations, with the classes of their rows, from files alone.

Nothing is imported, so that the files may be those of another revision.
"""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class _ParsedModule:
    """A module's file; not slotted, because cached_property stores its values in the instance."""

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax; empty if it is not Python."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    def definition(self, name: str) -> ast.FunctionDef | ast.ClassDef | None:
        """Return the function or class of a name at the top of the module."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node
        return None

    def text_of(self, node: ast.FunctionDef | ast.ClassDef) -> str:
        """Return the lines of a definition, with its decorators."""
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return "\n".join(self.text.splitlines()[first - 1 : node.end_lineno])

    def source_of(self, name: str) -> str | None:
        """Return the module that a name is imported from."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and not node.level:
                for each in node.names:
                    if name in {each.asname, each.name}:
                        return node.module
        return None


class DeclarationTexts:
    """The declarations in the modules of a folder: the one that the package lies in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, _ParsedModule | None] = {}

    def text(self, module: str, name: str) -> str:
        """Return a declaration and the class of its rows; empty if there is no such function."""
        found = self._module(module)
        node = None if found is None else found.definition(name)
        if found is None or not isinstance(node, ast.FunctionDef):
            return ""
        classes = [self._class(module, each) for each in _names(node.returns)]
        return "\n\n\n".join([found.text_of(node), *filter(None, classes)])

    def _class(self, module: str, name: str) -> str:
        found = self._module(module)
        if found is None:
            return ""
        node = found.definition(name)
        if isinstance(node, ast.ClassDef):
            return found.text_of(node)
        source = found.source_of(name)
        other = None if source in {None, module} else self._module(str(source))
        node = None if other is None else other.definition(name)
        is_class = other is not None and isinstance(node, ast.ClassDef)
        return other.text_of(node) if is_class and other and node else ""

    def _module(self, name: str) -> _ParsedModule | None:
        if name not in self._modules:
            path = self._folder.joinpath(*name.split("."))
            files = (path.with_suffix(".py"), path / "__init__.py")
            file = next((each for each in files if each.is_file()), None)
            text = None if file is None else file.read_text(encoding="utf-8", errors="replace")
            self._modules[name] = None if text is None else _ParsedModule(text)
        return self._modules[name]


def _names(annotation: ast.expr | None) -> list[str]:
    """Return the names in an annotation, in order."""
    if annotation is None:
        return []
    return [each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)]
