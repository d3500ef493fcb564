"""The comment above a statement, taken apart: what it tells people, and what it tells tools."""

import re
from dataclasses import dataclass

from oadb.engine.binding.statements import Statement

_FOR_TOOLS = re.compile(
    r"(timeout|lock timeout|rows|isolation|expects|deprecated|read only|scope|repeatable|writes"
    r"|primary|not together|variants|grows( \(as [^)]*\))?)(:|$)"
)
_SHOWN = re.compile(r"(repeatable|writes|primary|grows( \(as [^)]*\))?):")
_SCOPE = "scope:"


@dataclass(frozen=True, slots=True)
class StatementComment:
    """A comment: its prose, its scope, and other lines for tools but guards."""

    prose: str
    scope: str
    others: tuple[str, ...]


def read(statement: Statement) -> StatementComment:
    """Read the comment of a statement."""
    lines = _logical_lines(statement.doc)
    prose = [line for line in lines if not _FOR_TOOLS.match(line)]
    scopes = [line.removeprefix(_SCOPE).strip() for line in lines if line.startswith(_SCOPE)]
    others = [line for line in lines if _SHOWN.match(line)]
    return StatementComment("\n".join(prose), _scope(statement, scopes), tuple(others))


def _logical_lines(doc: str) -> list[str]:
    """Return the lines, with those joined that a bracket in a line for tools leaves open."""
    found: list[str] = []
    for line in doc.split("\n"):
        last = found[-1] if found else ""
        if _FOR_TOOLS.match(last) and last.count("(") > last.count(")"):
            found[-1] = f"{last} {line}"
        else:
            found.append(line)
    return found


def _scope(statement: Statement, scopes: list[str]) -> str:
    if scopes:
        return scopes[0]
    owners = [name for name in ("user_id", "user_ids") if name in statement.params]
    if not owners:
        return ""
    return f"the rows of {'one user' if owners == ['user_id'] else 'some users'}: :{owners[0]}"
