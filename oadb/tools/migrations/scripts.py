"""A migration script: the statements that yoyo sends for a file, with their lines."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import sqlparse

from oadb.engine.binding.lexer import Token, tokens
from oadb.engine.binding.statements import Problem

_COMMENT_LINE = re.compile(r"\s*(--.*)?")
_BEHIND = re.compile(r"[^\S\n]*--.*")
_PARENTHESES = {"(": 1, ")": -1}
_TEXT = frozenset({"comment", "string", "quoted"})

ATOMIC_BODY = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
"""Begins the body of a function, in which semicolons end no statement of the script."""


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """A statement as yoyo sends it, and its first line.

    ``code`` is ``sql`` with comments, strings and quoted names replaced by blanks.
    """

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
        """Return the line in the file of a character *position*, which counts from 1."""
        return self.line + self.sql.count("\n", 0, position - 1)

    @property
    def _start(self) -> int:
        return len(self.code) - len(self.code.lstrip())


@dataclass(frozen=True)
class Script:
    """An SQL file with newlines as line ends, as yoyo reads it.

    Not slotted, because cached_property stores its values in the instance.
    """

    file_name: str
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
        """The text with comments, strings and quoted names replaced by blanks."""
        return "".join(
            re.sub(r"[^\n]", " ", token.text) if token.kind in _TEXT else token.text
            for token in self.tokens
        )

    @cached_property
    def head(self) -> int:
        """The number of comment and blank lines at the top, where yoyo looks for directives."""
        code = (n for n, line in enumerate(self.lines) if not _COMMENT_LINE.fullmatch(line))
        return next(code, len(self.lines))

    @cached_property
    def yoyo_steps(self) -> list[ScriptStep]:
        """The statements that the yoyo command sends, split by its parser."""
        return self._steps(sqlparse.split(self.text))

    @cached_property
    def steps(self) -> list[ScriptStep]:
        """The same of a script that passed the rules, in a tenth of the time.

        yoyo splits such a script where PostgreSQL does.
        """
        if ATOMIC_BODY.search(self.code):
            return self.yoyo_steps
        return self._steps(self._pieces())

    def line(self, offset: int) -> int:
        """Return the line, which counts from 1, of an *offset* into the text."""
        return self.text.count("\n", 0, offset) + 1

    def problem(self, line: int, message: str, hint: str) -> Problem:
        """Return a problem at *line* of this file."""
        return Problem(self.file_name, line, self.lines[line - 1], message, hint)

    def _pieces(self) -> Iterator[str]:
        """Yield the text up to the end of each statement: a semicolon outside of parentheses.

        A comment behind it belongs to its statement, as for yoyo.
        """
        start = depth = 0
        for token in self.tokens:
            if token.kind == "operator":
                depth += _PARENTHESES.get(token.text, 0)
            elif token.kind == "semicolon" and depth == 0:
                behind = _BEHIND.match(self.text, token.start + 1)
                end = behind.end() if behind else token.start + 1
                yield self.text[start:end].strip()
                start = end
        yield self.text[start:].strip()

    def _steps(self, pieces: Iterable[str]) -> list[ScriptStep]:
        """Return each of the pieces that is more than comments; yoyo removes the head."""
        head = sum(len(line) + 1 for line in self.lines[: self.head])
        end = 0
        found: list[ScriptStep] = []
        for piece in pieces:
            start = max(self.text.index(piece, end), head)
            end = self.text.index(piece, end) + len(piece)
            if self.code[start:end].strip():
                line = self.line(start)
                found.append(ScriptStep(self.text[start:end], self.code[start:end], line))
        return found
