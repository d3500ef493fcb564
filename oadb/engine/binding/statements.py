"""Files of named SQL: `-- name: find_by_email`, a comment, one statement, a semicolon.

    -- name: find_by_email
    -- Any letter case matches. Served by users_email_lower_key.
    select user_id from oadb.users where lower(email) = lower(:email);

A name that begins with an underscore is private to its module: an operation runs the statement
together with what belongs to it. All problems of a file are reported at once.
"""

import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

from oadb.engine.binding import marks
from oadb.engine.binding.lexer import UNREADABLE, Token, tokens
from oadb.engine.binding.marks import MarkedLine
from oadb.engine.binding.packages import Package
from oadb.errors import DeclarationError

_HEADING = re.compile(r"--\s*name:\s*(\S.*?)?\s*", re.ASCII)
_NEARLY_HEADING = re.compile(r"--+\s*!?\s*@?name\b\s*[:=]?\s*\w*\W?\s*", re.ASCII | re.IGNORECASE)
# The form of a statement for many rows has its name, and ``.many`` behind it.
_NAME = re.compile(r"(_?[a-z][a-z0-9_]*)(?:\.many)?", re.ASCII)
_SILENT = frozenset({"space", "comment"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at a line of a file, with that line and what to do about it."""

    path: str
    line: int
    source: str
    message: str
    hint: str

    def __str__(self) -> str:
        """Return it in the form of compilers: path:line: message, the line, the hint."""
        where = f"{self.path}:{self.line}"
        return f"{where}: {self.message}\n    {self.source.strip()}\n    hint: {self.hint}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A named SQL statement: its place in a file, and the text that is sent."""

    module: str
    name: str
    path: str
    line: int
    doc: str
    parts: tuple[Token, ...]
    params: tuple[str, ...]
    source: str = ""
    """The text as it stands in the file, without its semicolon."""
    marked: tuple[MarkedLine, ...] = ()
    suffix: str = ""

    @property
    def label(self) -> str:
        """The name that functions, logs and pg_stat_activity share: ``users.find_by_email``.

        That of a variant has its arguments behind it: ``calls.list_calls +user_id order=newest``.
        """
        return f"{self.module}.{self.name}{self.suffix}"

    @property
    def sql(self) -> bytes:
        """The text that is sent: the SQL with $1, $2, ..., and the label behind its first word.

        PostgreSQL 18 keeps no comment that stands in front of a statement in pg_stat_statements.
        Of a statement with variants, it is the text as it stands in the file.
        """
        if self.marked:
            return self.variant([line for line in self.marked if not line.is_comment], "").sql
        numbers = {f":{name}": f"${number}" for number, name in enumerate(self.params, 1)}
        first = next(n for n, part in enumerate(self.parts) if part.kind not in _SILENT)
        text = ""
        for number, part in enumerate(self.parts):
            if part.kind == "placeholder" and re.match(r"\w", text[-1:]):
                text += " "  # limit:n must not become the identifier limit$1
            text += numbers.get(part.text, part.text)
            if number == first:
                text += f" /* {self.label} */"
        return text.encode()

    @property
    def words(self) -> tuple[str, ...]:
        """The keywords and unquoted identifiers, in order, in lower case."""
        return tuple(part.text.lower() for part in self.parts if part.kind == "word")

    @property
    def functions(self) -> tuple[str, ...]:
        """The names before an opening parenthesis, in lower case: functions and some keywords."""
        code = [part for part in self.parts if part.kind not in _SILENT]
        return tuple(
            name.text.lower()
            for name, bracket in pairwise(code)
            if name.kind == "word" and bracket.text == "("
        )

    def variant(self, lines: Collection[MarkedLine], suffix: str) -> "Statement":
        """Return the statement with these of its marked lines only, and no parameters of others.

        Args:
            suffix: what its label has behind the name.
        """
        left_out = {
            number
            for line in self.marked
            if line not in lines
            for number in range(line.start, line.end)
        }
        parts = tuple(part for number, part in enumerate(self.parts) if number not in left_out)
        used = {part.text[1:] for part in parts if part.kind == "placeholder"}
        params = tuple(name for name in self.params if name in used)
        source = "".join(part.text for part in parts)
        return replace(self, parts=parts, params=params, source=source, marked=(), suffix=suffix)

    def with_params(self, order: Sequence[str]) -> "Statement":
        """Return the same statement with its parameters numbered in *order*."""
        return replace(self, params=tuple(order))

    def line_at(self, position: int) -> int:
        """Return the line in the file of a character *position* in ``sql``, counted from 1."""
        return self.line + self.sql.decode()[: position - 1].count("\n")


def load(package: Package, place: str) -> dict[str, Statement]:
    """Read ``queries/<place>.sql`` of a package; a place is a path such as ``accounts/users``.

    Raises:
        DeclarationError: no such file, or an invalid one; the text lists every problem.
    """
    file, shown = package.query_file(place)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, KeyError):
        raise DeclarationError(
            f"{shown} does not exist, but queries(__name__) of its module reads it"
        ) from None
    except UnicodeDecodeError as error:
        raise DeclarationError(
            f"{shown}: byte {error.start} is not UTF-8; save it as UTF-8"
        ) from None
    return parse(text, place.rpartition("/")[2], shown)


def parse(text: str, module: str, path: str) -> dict[str, Statement]:
    """Split *text* into its named statements.

    Raises:
        DeclarationError: an invalid text; the error lists every problem.
    """
    reader = _FileReader(text.replace("\r\n", "\n"), module, path)
    statements = reader.read()
    if reader.problems:
        ordered = sorted(reader.problems, key=lambda problem: problem.line)
        raise DeclarationError("\n".join(map(str, ordered)))
    return statements


class _FileReader:
    """Reads one file, and collects its problems instead of stopping at the first."""

    def __init__(self, text: str, module: str, path: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._lines = text.split("\n")
        self._module = module
        self._path = path

    def read(self) -> dict[str, Statement]:
        found: dict[str, Statement] = {}
        for heading, body in self._sections():
            name = self._name(heading)
            if name in found:
                self._report(
                    heading, f"{name} is already the name of an earlier statement", "rename one"
                )
            statement = self._statement(name, heading, body)
            if statement is not None:
                found[name] = statement
        if not found and not self.problems:
            self._report_line(1, "no statement in this file", "begin one with -- name: get")
        return found

    def _sections(self) -> Iterator[tuple[Token, list[Token]]]:
        """Yield each heading with the tokens up to the next one."""
        heading: Token | None = None
        body: list[Token] = []
        for token in tokens(self._text):
            if not self._is_heading(token):
                body.append(token)
                continue
            if heading is None:
                self._refuse_code(body)
            else:
                yield heading, body
            heading, body = token, []
        if heading is None:
            self._refuse_code(body)
        else:
            yield heading, body

    def _refuse_code(self, body: list[Token]) -> None:
        """Report SQL before the first name."""
        for token in body:
            if token.kind not in _SILENT:
                self._report(token, "SQL before the first name", "put -- name: above the statement")
                return

    def _is_heading(self, token: Token) -> bool:
        if token.kind != "comment" or not self._starts_line(token):
            return False
        if _HEADING.fullmatch(token.text):
            return True
        if _NEARLY_HEADING.fullmatch(token.text):
            self._report(token, "an invalid heading", "write -- name: find_by_email")
        return False

    def _starts_line(self, token: Token) -> bool:
        return self._text[: token.start].rpartition("\n")[2].strip() == ""

    def _name(self, heading: Token) -> str:
        found = _HEADING.fullmatch(heading.text)
        name = (found and found[1]) or ""
        valid = _NAME.fullmatch(name)
        if valid is None or keyword.iskeyword(valid[1]):
            self._report(
                heading,
                f"{name!r} cannot be a name",
                "use lower_case_words that are a valid name in Python",
            )
        return name

    def _statement(self, name: str, heading: Token, body: list[Token]) -> Statement | None:
        comments = [*takewhile(lambda token: token.kind in _SILENT, body)]
        code = self._one_statement(heading, body[len(comments) :])
        if not code:
            return None
        parts, marked = marks.read(code, self._line, self._report)
        return Statement(
            module=self._module,
            name=name,
            path=self._path,
            line=self._line(code[0]),
            doc=_doc(comments),
            parts=parts,
            params=tuple(
                dict.fromkeys(part.text[1:] for part in parts if part.kind == "placeholder")
            ),
            source="".join(token.text for token in code),
            marked=marked,
        )

    def _one_statement(self, heading: Token, code: list[Token]) -> list[Token]:
        """Return the tokens up to the semicolon; report those that a statement may not have."""
        statement = [*takewhile(lambda token: token.kind != "semicolon", code)]
        for token in statement:
            if token.kind in UNREADABLE:
                self._report(token, *UNREADABLE[token.kind])
        self._refuse_marks(code[len(statement) :])
        rest = [token for token in code[len(statement) + 1 :] if token.kind not in _SILENT]
        if not any(token.kind not in _SILENT for token in statement):
            self._report(
                heading, "no statement follows this name", "write one, closed by a semicolon"
            )
        elif len(statement) == len(code):
            self._report(heading, "the statement is not closed", "end it with a semicolon")
        elif rest:
            self._report(
                rest[0], "a second statement under one name", "give it a -- name: of its own"
            )
        return statement

    def _refuse_marks(self, rest: list[Token]) -> None:
        for token in filter(marks.is_mark, rest):
            self._report(
                token, "a mark outside of a statement", "write the semicolon on a line below"
            )

    def _line(self, token: Token) -> int:
        return self._text.count("\n", 0, token.start) + 1

    def _report(self, token: Token, message: str, hint: str) -> None:
        self._report_line(self._line(token), message, hint)

    def _report_line(self, line: int, message: str, hint: str) -> None:
        self.problems.append(Problem(self._path, line, self._lines[line - 1], message, hint))


def _doc(comments: Iterable[Token]) -> str:
    """Return the text of the comment lines between the name and the statement."""
    lines = (token.text for token in comments if token.kind == "comment")
    return "\n".join(re.sub(r"^--\s?", "", line) for line in lines)
