"""Every ParameterError says what a caller can do: what must be, is expected, or has to be done."""

import ast
import re
from collections.abc import Iterator

from tests.test_house import trees

# What must be, or after a semicolon or comma what to do about it.
_ADVICE = re.compile(r"must |expected|; |, not |cannot be given together|at most|exceeds|: declare")

# Texts that end with a reason that another text gives, which says it.
_QUOTING = re.compile(
    r"( holds|: ip| idle_timeout| exempt from bans:| not banned:| read:| log_rejects:) ?\.\.\.$"
)


def _text(node: ast.expr) -> str:
    """Return the text of a literal, with ... for each value in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
        return "".join(map(str, parts))
    return ""


def messages() -> Iterator[tuple[str, str]]:
    """Yield each text of a ParameterError, with its place; those that are only a value are left."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "ParameterError"):
                continue
            said = _text(node.args[0]) if node.args else ""
            if re.sub(r"\.\.\.|[\s:\[\]().]|many|rows", "", said):
                yield f"{path}:{node.lineno}", said


def test_a_parameter_error_says_what_a_caller_can_do() -> None:
    said = dict(messages())

    assert len(said) > 60
    assert [
        each for each in said.items() if not (_ADVICE.search(each[1]) or _QUOTING.search(each[1]))
    ] == []
