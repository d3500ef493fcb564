"""A migration script: the statements that yoyo makes of a file, and where each stands in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlparse

from oadb.engine.binding.lexer import Token, tokens
from oadb.engine.binding.statements import Problem

_COMMENT_LINE = re.compile(r"\s*(--.*)?")
_TEXT = frozenset({"comment", "string", "quoted"})


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One statement as yoyo sends it, its code (text blanked, place for place), its first line."""

    sql: str
    code: str
    line: int

    @property
    def statement(self) -> str:
        """The statement without the comments above it."""
        return self.sql[self._start :]

    @property
    def statement_line(self) -> int:
        """The line on which the statement itself begins."""
        return self.line_at(self._start + 1)

    def line_at(self, position: int) -> int:
        """Return the line of the file for PostgreSQL's character *position*, counted from 1."""
        return self.line + self.sql.count("\n", 0, position - 1)

    @property
    def _start(self) -> int:
        return len(self.code) - len(self.code.lstrip())


@dataclass(frozen=True)
class Script:
    """A file of SQL with newlines as line ends, as yoyo reads it.

    Not slotted: what follows from the text is worked out once, when first asked for.
    """

    path: Path
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    @cached_property
    def tokens(self) -> list[Token]:
        """The text as PostgreSQL reads it."""
        return [*tokens(self.text)]

    @cached_property
    def code(self) -> str:
        """The text with comments, strings and quoted names blanked, place for place."""
        return "".join(
            re.sub(r"[^\n]", " ", token.text) if token.kind in _TEXT else token.text
            for token in self.tokens
        )

    @cached_property
    def head(self) -> int:
        """The number of lines at the top, comments and blanks, where yoyo looks for directives."""
        code = (n for n, line in enumerate(self.lines) if not _COMMENT_LINE.fullmatch(line))
        return next(code, len(self.lines))

    @cached_property
    def steps(self) -> list[ScriptStep]:
        """What yoyo sends, less what is only comment. Split by the parser that yoyo uses."""
        return [step for step in self._split() if step.code.strip()]

    def line(self, offset: int) -> int:
        """Return the line, counted from 1, of an *offset* into the text."""
        return self.text.count("\n", 0, offset) + 1

    def problem(self, line: int, message: str, hint: str) -> Problem:
        """Return a problem at *line* of this file."""
        return Problem(self.path.name, line, self.lines[line - 1], message, hint)

    def _split(self) -> Iterator[ScriptStep]:
        """Yield each piece; from the first, yoyo takes the head away."""
        head = sum(len(line) + 1 for line in self.lines[: self.head])
        end = 0
        for piece in sqlparse.split(self.text):
            start = max(self.text.index(piece, end), head)
            end = self.text.index(piece, end) + len(piece)
            yield ScriptStep(self.text[start:end], self.code[start:end], self.line(start))
