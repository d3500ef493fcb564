"""The edits of a migration: a check, a default, an index or a privilege is gone."""

import re
from collections.abc import Iterator

from oadb.engine.binding.lexer import Token, tokens
from tests.mutation import sql_edits
from tests.mutation.mutants import Edit

_DROPPED = (
    "create index", "create unique index", "grant", "revoke", "create policy", "alter table",
    "alter default privileges", "create trigger", "insert into", "update", "comment on",
    "create constraint trigger", "call",
)  # fmt: skip  # a table
_CLAUSES = (
    ("not null", r"(?<!is) not null\b(?=[\s,)])"),
    ("default", r" default (?:[\w.]+\([^()]*\)|-?[\w.]+|'[^']*')(?=[\s,)])"),
    ("unique", r"(?<=create )unique (?=index)"),
)


def edits(text: str) -> Iterator[Edit]:
    """Yield the edits of a migration, those of queries among them."""
    found = [*tokens(text)]
    for operator, pattern in _CLAUSES:
        for match in re.finditer(pattern, text):
            if _is_code(found, match.start()):
                yield Edit(operator, match.start(), match.end(), "")
    yield from _checks(text, found)
    yield from _statements(found)
    settings = [(m.start(), m.end()) for m in re.finditer(r"^set local .*$", text, re.MULTILINE)]
    for edit in sql_edits.edits(text):
        if not any(start <= edit.start <= end for start, end in settings):
            yield edit


def _is_code(found: list[Token], position: int) -> bool:
    return not any(
        each.kind in {"comment", "string"} and each.start <= position < each.start + len(each.text)
        for each in found
    )


def _checks(text: str, found: list[Token]) -> Iterator[Edit]:
    """Yield for each ``check (...)`` one that holds for every row."""
    code = [each for each in found if each.kind not in {"space", "comment"}]
    for number, each in enumerate(code[:-1]):
        if each.text != "check" or code[number + 1].text != "(":
            continue
        depth = 0
        for behind in code[number + 1 :]:
            depth += (behind.text == "(") - (behind.text == ")")
            if depth == 0:
                start, end = code[number + 1].start, behind.start + 1
                yield Edit("check", start, end, f"(true or {text[start:end]})")
                break


def _statements(found: list[Token]) -> Iterator[Edit]:
    """Yield for each statement of a kind that can be left out the migration without it."""
    begun: list[Token] = []
    for each in found:
        if each.kind not in {"space", "comment"}:
            begun.append(each)
        if each.kind == "semicolon":
            head = " ".join(part.text for part in begun[:4])
            if head.startswith(_DROPPED):
                yield Edit("statement", begun[0].start, each.start + 1, "")
            begun = []
