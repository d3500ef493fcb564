"""Docstrings of public functions: one convention, and nothing that a caller must know left out."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.test_house import trees

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Where a service calls; elsewhere a summary line may say what is returned.
ROOMS = ("accounts", "bans", "changes", "keys", "logs", "market", "settings", "trading")


def is_declared(function: Function) -> bool:
    """Say whether a decorator makes the function: its SQL has the comment, or it is a property."""
    names = {ast.unparse(each).rpartition(".")[2] for each in function.decorator_list}
    return not names.isdisjoint({"query", "overload", "property", "abstractmethod", "setter"})


def public(body: list[ast.stmt], path: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{path}.{node.name}")
        if isinstance(node, Function) and not node.name.startswith("_") and not is_declared(node):
            yield f"{path}.{node.name}", node


@cache
def functions() -> dict[str, Function]:
    return {
        label: function
        for path, tree in trees().items()
        for label, function in public(tree.body, str(path.with_suffix("")).replace("/", "."))
    }


def raised(function: Function) -> set[str]:
    """Return the errors that a function itself raises by name, without those it catches again."""
    calls = (node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node.exc)
    names = (each.func if isinstance(each, ast.Call) else each for each in calls)
    return {name.id for name in names if isinstance(name, ast.Name) and name.id.endswith("Error")}


def sections(function: Function) -> dict[str, str]:
    parts = re.split(
        r"^(Args|Returns|Yields|Raises):$", ast.get_docstring(function) or "", flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def returns(function: Function) -> bool:
    return function.returns is not None and ast.unparse(function.returns) != "None"


def errors_elsewhere(label: str) -> set[str]:
    """Return what a docstring says of errors outside of Raises, and errors that it leaves out."""
    function = functions()[label]
    docstring = ast.get_docstring(function) or ""
    listed = {*re.findall(r"^    (\w+)", sections(function).get("Raises", ""), flags=re.MULTILINE)}
    left_out = raised(function) - listed if label.startswith(ROOMS) else set[str]()
    return {*re.findall(r"\bRaises [A-Z]\w*", docstring), *left_out}


@pytest.mark.long("reads what every function raises")
def test_errors_stand_in_a_section_of_their_own() -> None:
    found = {label: errors_elsewhere(label) for label in functions()}

    assert {label: errors for label, errors in found.items() if errors} == {}


def is_operation(function: Function) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == "operation" for each in function.decorator_list
    )


def test_an_operation_says_what_it_returns() -> None:
    operations = {
        label: function
        for label, function in functions().items()
        if label.startswith(ROOMS) and returns(function) and is_operation(function)
    }

    assert len(operations) > 50
    assert [
        label
        for label, function in operations.items()
        if not {"Returns", "Yields"} & {*sections(function)}
    ] == []
